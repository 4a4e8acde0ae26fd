"""The rows of the benchmarks: what each measures, in which unit, with how many threads, and who takes part."""

import dataclasses

OURS = "ours"
PLAIN = "plain"  # ours without encryption
PEERS = ("caf", "erlang", "zeromq", "grpc", PLAIN, "floor")
LOWER = "lower"
HIGHER = "higher"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str  # one operation, in words
    unit: str = "ns"
    better: str = LOWER
    threads: tuple = (1, 2)
    peers: tuple = ("caf", "erlang")
    measured_by: str = ""  # the row whose programs measure this one too, if it is another
    printed_as: str = ""  # by the programs, if it is another name
    at_half_of: str = ""  # whose peak: calls are made at half that rate
    peak: str = ""  # the row that says what the peak is

    @property
    def printed(self):
        return self.printed_as or self.name

    @property
    def program(self):
        return self.measured_by or self.name



def links(carrier, socket):
    """The rows of calls from one process to another of the same host, one thread each; `socket`: what a peer uses that can."""
    peers = ("caf", "erlang", "zeromq", "grpc")

    def row(name, what, **more):
        return Row(f"link-{carrier}-{name}", f"{what}; peers: {socket}", threads=(1,), **{"peers": peers, **more})

    def load(whose):
        """At half of the peak of one side, how long calls take: measured for that side and ours, or for all."""
        return (
            row(
                f"load-half-{whose}-p{part}",
                f"{words}, at half of the peak of {whose}",
                peers=peers if whose == OURS else (whose,),
                **{"measured_by": f"link-{carrier}-load", "printed_as": f"link-{carrier}-load-p{part}"},
                **{"at_half_of": whose, "peak": f"link-{carrier}-pipelined-64"},
            )
            for part, words in ((50, "half of the calls"), (99, "99 of 100 calls"), (999, "999 of 1,000 calls"))
        )

    return (
        row("round-trip", "a call of 64 bytes and its answer of 64, one by one", peers=(*peers, "floor")),
        row("round-trip-asleep", "the same with net.spin = 0: both sides sleep at once", peers=("floor",)),
        row("round-trip-quiet", "the same, 20 ms after the one before", peers=(*peers, "floor")),
        row("pipelined-64", "calls of 64 bytes and their answers, 1,000 under way", unit="calls/s", better=HIGHER),
        row("pipelined-1k", "calls of 1 KiB and their answers, 1,000 under way", unit="calls/s", better=HIGHER),
        row("large", "arguments of 1 MiB, eight under way", unit="MB/s", better=HIGHER, peers=(*peers, "floor")),
        *(each for whose in (OURS, *peers) for each in load(whose)),
    )


def encrypted():
    """Links over TCP with TLS and certificates on both sides, beside the same links without."""

    def row(name, what, **more):
        return Row(f"link-tls-{name}", f"{what}; with TLS", threads=(1,), peers=(PLAIN,), **more)

    return (
        row("round-trip", "a call of 64 bytes and its answer of 64, one by one"),
        row("pipelined-64", "calls of 64 bytes and their answers, 1,000 under way", unit="calls/s", better=HIGHER),
        row("large", "arguments of 1 MiB, eight under way", unit="MB/s", better=HIGHER),
    )


def envs(count):
    """What a Corps of so many Envs needs."""

    def row(name, what, **more):
        return Row(f"envs-{count}-{name}", what, threads=(1,), peers=(), measured_by=f"envs-{count}", **more)

    alone = (
        row("boot", f"until {count} Envs are up"),
        row("call", f"a call and its answer, while each of {count} Envs calls all others one by one"),
    )
    if count == 2:  # one link, which is there since the boot
        return alone
    return (
        *alone,
        row("link-bytes", f"resident memory of both ends of an idle link, {count} Envs all to all", unit="bytes"),
        row("link-descriptors", f"descriptors at each end of an idle link, {count} Envs all to all", unit="descriptors"),
    )


PLAIN_THREAD = ("caf", "floor")  # Erlang has no threads beside its processes

ROWS = (
    Row("request-answer", "a call from one Conc to another and its answer"),
    Row("blocking-call", "a call from a plain thread, back to back", peers=PLAIN_THREAD),
    Row("blocking-call-gaps", "a call from a plain thread, 100 ms after the one before", peers=PLAIN_THREAD),
    Row("tell-1-1", "messages from one Conc to another", unit="messages/s", better=HIGHER),
    Row("tell-8-1", "messages from eight Concs to one", unit="messages/s", better=HIGHER),
    Row("ring", "a hop of one message in a ring of 100 Concs"),
    Row("fork-join", "create a Conc, call it, delete it; 100,000 of them"),
    Row("idle-create", "create a Conc; 1,000,000 of them", measured_by="idle-bytes"),
    Row("idle-bytes", "resident memory of an idle Conc without members; 1,000,000 of them", unit="bytes"),
    Row("big", "a call and its answer, while each of 120 Concs calls random others"),
    Row("counting", "a message that makes a Conc count one more"),
    Row("chameneos", "a meeting of two of 100 Concs, arranged by another"),
    Row("await-two", "a call of a method that awaits calls of two others"),
    Row("fan-out", "a call among 1,000 that go to as many Concs and are awaited together"),
    Row("fan-out-busy", "a call that computes 0.1 ms, among 64 that are awaited together", peers=("caf", "erlang", "floor")),
    Row("start-delay", "until a called Conc starts while its caller computes 300 ms", threads=(2,), peers=("caf", "erlang", "floor")),
    Row("stream", "an item of a stream of at least 1,000,000 from one Conc to another", unit="items/s", better=HIGHER),
    *links("shm", "Unix sockets"),
    *links("tcp", "TCP"),
    *encrypted(),
    *envs(2),
    *envs(8),
    *envs(64),
)


def find(patterns):
    """The rows that the words of the command line mean: a row's name, or the beginning of several. Raises LookupError."""
    if not patterns:
        return ROWS
    for pattern in patterns:
        if not any(row.name.startswith(pattern) for row in ROWS):
            raise LookupError(f"there is no benchmark '{pattern}'; there are: {', '.join(row.name for row in ROWS)}")
    exact = {row.name for row in ROWS}
    return tuple(
        row
        for row in ROWS
        if any(row.name == pattern or (pattern not in exact and row.name.startswith(pattern)) for pattern in patterns)
    )
