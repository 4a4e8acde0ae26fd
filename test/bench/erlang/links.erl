%% The rows of links: two nodes, which know TCP only. Started with -epmd_module links_epmd, so that no epmd is needed or left.
-module(links).
-export([run/1, serve/1]).
-define(SMALL_BYTES, 64).
-define(MEDIUM_BYTES, 1024).
-define(LARGE_BYTES, 1048576).
-define(CALLS_IN_FLIGHT, 1000).
-define(LARGE_IN_FLIGHT, 8).
-define(QUIET_CALLS, 41).
-define(QUIET_MS, 20).
-define(LOAD_OPEN_MAX, 5000).

run(Row) ->
    Other = start_other(),
    "link-" ++ [_, _, _, $- | What] = Row,
    measure(What, Row, Other).

measure("round-trip", Row, Other) ->
    Bytes = bytes(?SMALL_BYTES),
    bench:report(Row, bench:ns_each(100, fun(N) -> calls(N, Bytes, Other) end));
measure("round-trip-quiet", Row, Other) ->
    Bytes = bytes(?SMALL_BYTES),
    calls(1, Bytes, Other),
    Times = [quiet_call(Bytes, Other) || _ <- lists:seq(1, ?QUIET_CALLS)],
    bench:report(Row, lists:nth(?QUIET_CALLS div 2 + 1, lists:sort(Times)));
measure("pipelined-64", Row, Other) -> pipelined(Row, ?SMALL_BYTES, Other);
measure("pipelined-1k", Row, Other) -> pipelined(Row, ?MEDIUM_BYTES, Other);
measure("large", Row, Other) ->
    Bytes = bytes(?LARGE_BYTES),
    Ns = bench:ns_each(?LARGE_IN_FLIGHT, fun(N) -> window(N, ?LARGE_IN_FLIGHT, Bytes, Other) end),
    bench:report(Row, 1000.0 * ?LARGE_BYTES / Ns);

%% The open loop of open_loop.hpp: calls at times fixed before. Timers count in milliseconds, so this looks at the clock all the time.
measure("load", Row, Other) ->
    [Text] = persistent_term:get(calls_per_second),
    Rate = list_to_integer(Text),
    calls(10000, bytes(?SMALL_BYTES), Other),
    BurstCalls = max(1, trunc(Rate * 100.0e3 / 1.0e9)),
    Begin = bench:now_ns() + 1000000,
    Due = fun(Call) -> Begin + trunc((Call div BurstCalls) * BurstCalls * 1.0e9 / Rate) end,
    Times = load(#{due => Due, calls => Rate, 'end' => Begin + 3000000000, bytes => bytes(?SMALL_BYTES), other => Other}, 0, 0, []),
    Sorted = list_to_tuple(lists:sort(Times)),
    [bench:report(Row ++ Name, element(trunc(Part * (Rate - 1)) + 1, Sorted)) || {Name, Part} <- [{"-p50", 0.5}, {"-p99", 0.99}, {"-p999", 0.999}]].

load(#{calls := Calls}, Calls, Calls, Times) -> Times;
load(#{calls := Calls, due := Due, 'end' := End} = Loop, Sent, Answered, Times) ->
    Now = bench:now_ns(),
    DueNow = Sent < Calls andalso Sent - Answered < ?LOAD_OPEN_MAX andalso Due(Sent) =< Now,
    if
        Now > End -> [Now - Due(Call) || Call <- lists:seq(Answered, Calls - 1)] ++ Times;
        DueNow ->
            #{other := Other, bytes := Bytes} = Loop,
            Other ! {self(), Due(Sent), Bytes},
            load(Loop, Sent + 1, Answered, Times);
        true ->
            receive
                {WasDue, _Answer} -> load(Loop, Sent, Answered + 1, [bench:now_ns() - WasDue | Times])
            after 0 ->
                erlang:yield(),
                load(Loop, Sent, Answered, Times)
            end
    end.

bytes(Count) -> binary:copy(<<"x">>, Count).

calls(0, _Bytes, _Other) -> ok;
calls(N, Bytes, Other) ->
    bench:expect(bench:call(Other, Bytes) == Bytes),
    calls(N - 1, Bytes, Other).

quiet_call(Bytes, Other) ->
    timer:sleep(?QUIET_MS),
    Begin = bench:now_ns(),
    bench:call(Other, Bytes),
    bench:now_ns() - Begin.

pipelined(Row, Size, Other) ->
    Bytes = bytes(Size),
    Ns = bench:ns_each(?CALLS_IN_FLIGHT, fun(N) -> window(N, ?CALLS_IN_FLIGHT, Bytes, Other) end),
    bench:report(Row, bench:per_second(Ns)).

%% One reference for all calls of a run: the answers come in order, and each is the first in the mailbox.
window(N, InFlight, Bytes, Other) ->
    Ref = make_ref(),
    First = min(N, InFlight),
    send(First, Ref, Bytes, Other),
    window(N - First, First, Ref, Bytes, Other).
window(0, 0, _Ref, _Bytes, _Other) -> ok;
window(ToSend, Open, Ref, Bytes, Other) ->
    receive
        {Ref, _Answer} when ToSend > 0 ->
            Other ! {self(), Ref, Bytes},
            window(ToSend - 1, Open, Ref, Bytes, Other);
        {Ref, _Answer} -> window(0, Open - 1, Ref, Bytes, Other)
    end.

send(0, _Ref, _Bytes, _Other) -> ok;
send(N, Ref, Bytes, Other) ->
    Other ! {self(), Ref, Bytes},
    send(N - 1, Ref, Bytes, Other).

%% What was asked for goes back, or the size of a large argument.
echo() ->
    receive
        {From, Ref, Bytes} when byte_size(Bytes) =:= ?LARGE_BYTES -> From ! {Ref, byte_size(Bytes)};
        {From, Ref, Bytes} -> From ! {Ref, Bytes}
    end,
    echo().

%% ---- the other node ----

start_other() ->
    application:set_env(kernel, inet_dist_use_interface, {127, 0, 0, 1}),
    {ok, _} = net_kernel:start(['bench@127.0.0.1', longnames]),
    Cookie = atom_to_list(erlang:get_cookie()),
    Threads = integer_to_list(erlang:system_info(schedulers)),
    Words = [
        "+S", Threads ++ ":" ++ Threads, "-noshell", "-pa", filename:dirname(code:which(?MODULE)),
        "-start_epmd", "false", "-epmd_module", "links_epmd", "-setcookie", Cookie,
        "-run", "links", "serve", other_name()
    ],
    Port = open_port({spawn_executable, os:find_executable("erl")}, [{args, Words}, {line, 80}, binary]),
    receive
        {Port, {data, {eol, Number}}} -> links_epmd:set_other_port(binary_to_integer(Number))
    end,
    erpc:call(list_to_atom(other_name()), erlang, whereis, [echo]).  % by its pid, which is faster than by its name

other_name() -> "other@127.0.0.1".

%% Ends when the node that started this one does: then there is nothing more to read.
serve([Name]) ->
    application:set_env(kernel, inet_dist_use_interface, {127, 0, 0, 1}),
    register(echo, spawn(fun echo/0)),
    {ok, _} = net_kernel:start([list_to_atom(Name), longnames]),
    io:format("~b~n", [links_epmd:own_port()]),
    _ = io:get_line(""),
    halt(0).
