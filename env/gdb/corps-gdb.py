"""Corps for gdb: what the Workers of a process, or of a core dump, do and wait for.

    (gdb) source .../share/corps/gdb/corps-gdb.py
    (gdb) corps workers          every Worker that does anything, with the requests that it has begun and waits for
    (gdb) corps workers all      the idle ones too
    (gdb) corps requests         every open call: caller, method, target, and where the coroutine stands that waits for it
    (gdb) print name             a Name, a ConcAddr, a Future or a request in words

Nothing of it runs code of the process, so it works on a core dump as well.
"""

import gdb

SLOT_BITS = 24
CELLS_PER_BLOCK = 256


def atomic(value):
    """What is in a std::atomic."""
    for field in value.type.strip_typedefs().fields():
        if field.name == "_M_i":
            return value["_M_i"]
        if field.name == "_M_b":
            inner = value["_M_b"]
            return inner["_M_p"] if any(each.name == "_M_p" for each in inner.type.fields()) else inner["_M_i"]
        if field.is_base_class:
            return atomic(value[field])
    return value


def text_of(view):
    """A std::string_view."""
    length = int(view["_M_len"])
    return view["_M_str"].string(length=length) if length else ""


def string_of(string):
    """A std::string."""
    return string["_M_dataplus"]["_M_p"].string(length=int(string["_M_string_length"]))


def is_null(pointer):
    return int(pointer) == 0


def conc_text(conc):
    number = int(conc)
    return f"conc {number & ((1 << SLOT_BITS) - 1)}.{(number >> SLOT_BITS) & ((1 << SLOT_BITS) - 1)}"


def address_text(address):
    return f"env {int(address['env'])}, {conc_text(address['conc'])}" if int(address["conc"]) else "nobody"


def method_text(record):
    if is_null(record):
        return "a task"
    name = record.dereference()["id"]
    of_class, method = text_of(name["class_name"]), text_of(name["method_name"])
    if not method:
        return "a Task of its own"
    return f"{of_class}::{method}" if of_class else method


def coroutine_text(handle):
    """Where a suspended coroutine goes on: its first word is the function that resumes it."""
    frame = int(handle["_M_fr_ptr"])
    if frame == 0:
        return ""
    word = gdb.lookup_type("unsigned long").pointer()
    resume = int(gdb.Value(frame).cast(word).dereference())
    block = gdb.block_for_pc(resume) if resume else None
    name = block.function.print_name if block is not None and block.function is not None else None
    if name is None:
        symbol = gdb.execute(f"info symbol {resume:#x}", to_string=True).strip()
        name = symbol.split(" in section")[0] if symbol and not symbol.startswith("No symbol") else f"{resume:#x}"
    place = gdb.find_pc_line(resume)
    where = f" ({place.symtab.filename.rsplit('/', 1)[-1]}:{place.line})" if place.symtab is not None else ""
    return f"{name}{where}, frame {frame:#x}"


def chain(first, link):
    """A list that is linked through the request's own fields."""
    seen = set()
    request = first
    while not is_null(request) and int(request) not in seen:
        seen.add(int(request))
        yield request.dereference()
        request = request.dereference()[link]


def cells():
    """Every place for a Worker that was ever used."""
    slab = gdb.parse_and_eval("'corps::mail::slab()::instance'")
    if is_null(slab):
        return
    slab = slab.dereference()
    block = slab["blocks_"].type.strip_typedefs().template_argument(0).target()
    blocks = slab["blocks_"].address.cast(block.pointer().pointer()).dereference()  # a unique_ptr is its pointer
    for slot in range(int(atomic(slab["slots_made_"]))):
        block = atomic((blocks + slot // CELLS_PER_BLOCK).dereference())
        yield block.dereference()["_M_elems"][slot % CELLS_PER_BLOCK]


def workers():
    for cell in cells():
        if int(atomic(cell["id"])) != 0:
            yield cell


def counter(value):
    """A number of a cell, which other threads may read."""
    return int(atomic(value["value_"]) if value.type.code == gdb.TYPE_CODE_STRUCT else value)


def worker_text(cell):
    record = cell["cls"]
    kind = "a plain thread" if is_null(record) else text_of(record.dereference()["name"])
    extra = cell["extra_"]
    tag = "" if is_null(extra) else string_of(extra.dereference()["tag"])
    return f"{conc_text(atomic(cell['id']))}  {kind}" + (f" '{tag}'" if tag else "")


def wait_text(call):
    if is_null(call["method"]):
        return "a task"
    return f"{method_text(call['method'])} at {address_text(call['sent_to'])}"


class Corps(gdb.Command):
    """Workers and requests of a Corps: `corps workers [all]`, `corps requests`."""

    def __init__(self):
        super().__init__("corps", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Workers(gdb.Command):
    """corps workers [all]: the Workers that do anything or wait; with `all`, the idle ones too."""

    def __init__(self):
        super().__init__("corps workers", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        idle = 0
        for cell in workers():
            doing = atomic(cell["doing"])
            busy = counter(cell["busy"]) or counter(cell["open_calls"]) or not is_null(doing) or not is_null(cell["running"])
            if not busy and argument.strip() != "all":
                idle += 1
                continue
            print(worker_text(cell))
            if not is_null(doing):
                print(f"  runs {method_text(doing)}")
            for request in chain(cell["running"], "running_next"):
                where = coroutine_text(request["frame"])
                print(f"  has begun {method_text(request['method'])}" + (f": {where}" if where else ""))
            for call in chain(cell["open"], "open_next"):
                waits = not is_null(call["waiter"]["_M_fr_ptr"])
                print(f"  {'waits for' if waits else 'has called'} {wait_text(call)}")
        if idle:
            print(f"and {idle} idle ones")


class Requests(gdb.Command):
    """corps requests: every open call, and the coroutine that waits for it."""

    def __init__(self):
        super().__init__("corps requests", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        count = 0
        for cell in workers():
            for call in chain(cell["open"], "open_next"):
                count += 1
                print(f"{int(call.address):#x}  {wait_text(call)}")
                print(f"  called by {worker_text(cell)}")
                where = coroutine_text(call["waiter"])
                if where:
                    print(f"  awaited in {where}")
        print(f"{count} open calls")


class AddressPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return address_text(self.value)


class NamePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"Name of {address_text(self.value['address_'])}"


class FuturePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        reply = self.value["reply_"]
        if is_null(reply):
            return "Future of nothing"
        request = reply.dereference().cast(gdb.lookup_type("corps::detail::Request"))
        return f"Future of {wait_text(request)}" + (", ended" if request["home"] else "")


class RequestPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return f"request {wait_text(self.value)}"


def printers():
    import gdb.printing

    found = gdb.printing.RegexpCollectionPrettyPrinter("corps")
    found.add_printer("Name", r"^corps::Name<.*>$", NamePrinter)
    found.add_printer("Future", r"^corps::Future<.*>$", FuturePrinter)
    found.add_printer("ConcAddr", "^corps::ConcAddr$", AddressPrinter)
    found.add_printer("Request", "^corps::detail::Request$", RequestPrinter)
    return found


Corps()
Workers()
Requests()
gdb.pretty_printers.append(printers())
