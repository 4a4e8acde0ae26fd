%% What each row does, as in ours/ and caf/.
-module(rows).
-export([run/1]).
-define(BURST, 500).
-define(RING_NODES, 100).
-define(FORK_PARENTS, 10).
-define(FORK_CHILDREN, 10000).
-define(STREAM_ITEMS, 1000000).
-define(CREDIT, 1024).
-define(IDLE_COUNT, 1000000).
-define(BIG_PROCESSES, 120).
-define(CHAMENEOS, 100).
-define(FAN_OUT, 1000).
-define(BUSY_PROCESSES, 64).
-define(BUSY_NS, 100.0e3).
-define(COMPUTES_NS, 300000000).

run("link-" ++ _ = Row) -> links:run(Row);
run("request-answer") ->
    Adder = spawn(fun() -> adder(0) end),
    Ns = bench:ns_each(10000, fun(N) -> in_process(fun() -> calls(N, Adder) end) end),
    bench:report("request-answer", Ns);
run("tell-1-1") -> tell("tell-1-1", 1);
run("tell-8-1") -> tell("tell-8-1", 8);
run("ring") ->
    Self = self(),
    Nodes = [spawn(fun() -> node_without_next(Self) end) || _ <- lists:seq(1, ?RING_NODES)],
    lists:foreach(fun({Node, Next}) -> Node ! {next, Next} end, lists:zip(Nodes, tl(Nodes) ++ [hd(Nodes)])),
    Ns = bench:ns_each(20000, fun(N) -> hd(Nodes) ! N, receive round_over -> ok end end),
    bench:report("ring", Ns);
run("fork-join") ->
    All = ?FORK_PARENTS * ?FORK_CHILDREN,
    Ended = counters:new(1, []),
    Ns = bench:ns_each(1, fun(Rounds) ->
        lists:foreach(fun(_) ->
            counters:put(Ended, 1, 0),
            in_processes(?FORK_PARENTS, fun() -> fork_join(Ended) end),
            wait_for_count(Ended, All)
        end, lists:seq(1, Rounds))
    end),
    bench:report("fork-join", Ns / All);
run("idle-bytes") ->
    %% What holds their names has room for them from the start.
    Self = self(),
    spawn_opt(fun() -> idle(), Self ! measured end, [link, {min_heap_size, 8 * ?IDLE_COUNT}]),
    receive measured -> ok end;
run("big") ->
    Pingers = [spawn(fun() -> pinger_without_others() end) || _ <- lists:seq(1, ?BIG_PROCESSES)],
    lists:foreach(fun(Pinger) -> Pinger ! {meet, list_to_tuple(Pingers -- [Pinger])} end, Pingers),
    Self = self(),
    Ns = bench:ns_each(120000, fun(N) ->
        Each = N div ?BIG_PROCESSES,
        [Pinger ! {go, Self, Each, Seed} || {Pinger, Seed} <- lists:zip(Pingers, lists:seq(1, ?BIG_PROCESSES))],
        lists:foreach(fun(Pinger) -> receive {pinged, Pinger} -> ok end end, Pingers)
    end),
    bench:report("big", Ns);
run("counting") ->
    Counter = spawn_opt(fun() -> counter(0) end, [{message_queue_data, off_heap}]),
    Ns = bench:ns_each(80000, fun(N) ->
        Before = bench:call(Counter, count),
        After = in_process(fun() -> increments(N, Counter), bench:call(Counter, count) end),
        bench:expect(After - Before == N)
    end),
    bench:report("counting", Ns);
run("chameneos") ->
    Self = self(),
    Mall = spawn(fun() -> mall_closed(Self) end),
    Chameneos = [spawn(fun() -> chameneo(none, Mall) end) || _ <- lists:seq(1, ?CHAMENEOS)],
    Ns = bench:ns_each(20000, fun(N) ->
        Mall ! {open, N},
        [Chameneo ! {change, I rem 3} || {Chameneo, I} <- lists:zip(Chameneos, lists:seq(1, ?CHAMENEOS))],
        receive all_gone -> ok end
    end),
    bench:report("chameneos", Ns);
run("await-two") ->
    Left = spawn(fun() -> adder(0) end),
    Right = spawn(fun() -> adder(0) end),
    Middle = spawn(fun() -> middle(Left, Right) end),
    Ns = bench:ns_each(10000, fun(N) -> in_process(fun() -> calls(N, Middle) end) end),
    bench:report("await-two", Ns);
run("fan-out") ->
    Leaves = [spawn(fun() -> adder(0) end) || _ <- lists:seq(1, ?FAN_OUT)],
    Ns = bench:ns_each(20000, fun(N) -> in_process(fun() -> fan(N, 1, Leaves, ?FAN_OUT) end) end),
    bench:report("fan-out", Ns);
run("fan-out-busy") ->
    Rounds = bench:rounds_of(?BUSY_NS),
    Leaves = [spawn(fun() -> computer() end) || _ <- lists:seq(1, ?BUSY_PROCESSES)],
    Ns = bench:ns_each(?BUSY_PROCESSES, fun(N) -> in_process(fun() -> fan(N, Rounds, Leaves, ?BUSY_PROCESSES) end) end),
    bench:report("fan-out-busy", Ns);
run("start-delay") ->
    Delays = [in_process(fun start_delay/0) || _ <- lists:seq(1, 3)],
    bench:report("start-delay", lists:nth(2, lists:sort(Delays)));
run("stream") ->
    Source = spawn(fun source/0),
    Ns = bench:ns_each(?STREAM_ITEMS, fun(N) ->
        bench:expect(in_process(fun() -> sum_of_stream(Source, N) end) == N * (N + 1) div 2)
    end),
    bench:report("stream", bench:per_second(Ns)).

%% Runs a function in a fresh process, or in several, and waits for its end.
in_process(Fun) ->
    [Result] = in_processes(1, Fun),
    Result.
in_processes(Count, Fun) ->
    Self = self(),
    Pids = [spawn_link(fun() -> Self ! {self(), ended, Fun()} end) || _ <- lists:seq(1, Count)],
    [receive {Pid, ended, Result} -> Result end || Pid <- Pids].

%% The processes that count run before this goes on.
wait_for_count(Counter, Wanted) ->
    case counters:get(Counter, 1) of
        Wanted -> ok;
        _ -> erlang:yield(), wait_for_count(Counter, Wanted)
    end.

%% request-answer
adder(Sum) ->
    receive
        {From, Ref, Number} ->
            From ! {Ref, Sum + Number},
            adder(Sum + Number)
    end.

calls(0, _Adder) -> ok;
calls(N, Adder) ->
    bench:call(Adder, 1),
    calls(N - 1, Adder).

%% tell-1-1, tell-8-1
receiver(Sum) ->
    receive
        {From, Ref, sum} ->
            From ! {Ref, Sum},
            receiver(Sum);
        Number ->
            receiver(Sum + Number)
    end.

sender(0, _Receiver) -> ok;
sender(N, Receiver) ->
    Now = min(N, ?BURST),
    tells(Now, Receiver),
    bench:call(Receiver, sum),
    sender(N - Now, Receiver).

tells(0, _Receiver) -> ok;
tells(N, Receiver) ->
    Receiver ! 1,
    tells(N - 1, Receiver).

tell(Row, Senders) ->
    Receiver = spawn_opt(fun() -> receiver(0) end, [{message_queue_data, off_heap}]),
    Ns = bench:ns_each(80000, fun(N) ->
        Before = bench:call(Receiver, sum),
        in_processes(Senders, fun() -> sender(N div Senders, Receiver) end),
        bench:expect(bench:call(Receiver, sum) - Before == N div Senders * Senders)
    end),
    bench:report(Row, bench:per_second(Ns)).

%% ring
node_without_next(Main) ->
    receive
        {next, Next} -> node_of_ring(Next, Main)
    end.
node_of_ring(Next, Main) ->
    receive
        0 -> Main ! round_over;
        Hops -> Next ! Hops - 1
    end,
    node_of_ring(Next, Main).

%% fork-join
fork_join(Ended) ->
    Children = [spawn(fun() -> child(0, Ended) end) || _ <- lists:seq(1, ?FORK_CHILDREN)],
    Self = self(),
    Ref = make_ref(),
    lists:foreach(fun(Child) -> Child ! {Self, Ref, 1} end, Children),
    lists:foreach(fun(_) -> receive {Ref, _} -> ok end end, Children),
    lists:foreach(fun(Child) -> Child ! stop end, Children).

child(Sum, Ended) ->
    receive
        {From, Ref, Number} ->
            From ! {Ref, Sum + Number},
            child(Sum + Number, Ended);
        stop ->
            counters:add(Ended, 1, 1)
    end.

%% idle-bytes, idle-create
idle() ->
    Started = counters:new(1, []),
    Bytes = bench:resident_bytes(),
    Begin = bench:now_ns(),
    Idle = create_idle(?IDLE_COUNT, Started, []),
    wait_for_count(Started, ?IDLE_COUNT),
    Took = bench:now_ns() - Begin,
    bench:report("idle-create", Took / ?IDLE_COUNT),
    %% The list of their names is not theirs: two words of memory for each.
    bench:report("idle-bytes", (bench:resident_bytes() - Bytes) / ?IDLE_COUNT - 2 * 8),
    hd(Idle) ! stop.

create_idle(0, _Started, Idle) -> Idle;
create_idle(N, Started, Idle) -> create_idle(N - 1, Started, [spawn(fun() -> idle(Started) end) | Idle]).

idle(Started) ->
    counters:add(Started, 1, 1),
    receive
        stop -> ok
    end.

%% big
pinger_without_others() ->
    receive
        {meet, Others} -> pinger(Others)
    end.

pinger(Others) ->
    receive
        {go, Main, Pings, Seed} -> pinger(Others, Main, Pings, Seed);
        {From, Ref, Number} ->
            From ! {Ref, Number},
            pinger(Others)
    end.

pinger(Others, Main, 0, _Random) ->
    Main ! {pinged, self()},
    pinger(Others);
pinger(Others, Main, Pings, Random) ->
    Next = bench:next_random(Random),
    Ref = make_ref(),
    element((Next bsr 8) rem tuple_size(Others) + 1, Others) ! {self(), Ref, 1},
    wait_for_pong(Ref),
    pinger(Others, Main, Pings - 1, Next).

%% It answers others while it waits for an answer.
wait_for_pong(Ref) ->
    receive
        {Ref, _Number} -> ok;
        {From, Other, Number} ->
            From ! {Other, Number},
            wait_for_pong(Ref)
    end.

%% counting
counter(Count) ->
    receive
        increment -> counter(Count + 1);
        {From, Ref, count} ->
            From ! {Ref, Count},
            counter(Count)
    end.

increments(0, _Counter) -> ok;
increments(N, Counter) ->
    Counter ! increment,
    increments(N - 1, Counter).

%% chameneos
mall_closed(Main) ->
    receive
        {open, Meetings} -> mall(Main, Meetings)
    end.

mall(Main, 0) ->
    lists:foreach(fun(_) -> receive {enter, _, _} -> ok end end, lists:seq(1, ?CHAMENEOS)),
    Main ! all_gone,
    mall_closed(Main);
mall(Main, Meetings) ->
    receive
        {enter, First, _} ->
            receive
                {enter, Second, Colour} -> First ! {meet, Second, Colour}
            end
    end,
    mall(Main, Meetings - 1).

chameneo(Mine, Mall) ->
    receive
        {meet, Other, Others} ->
            Colour = meet(Mine, Others),
            Other ! {change, Colour},
            Mall ! {enter, self(), Colour},
            chameneo(Colour, Mall);
        {change, Colour} ->
            Mall ! {enter, self(), Colour},
            chameneo(Colour, Mall)
    end.

meet(Same, Same) -> Same;
meet(Mine, Others) -> 3 - Mine - Others.

%% await-two
middle(Left, Right) ->
    receive
        {From, Ref, Number} ->
            From ! {Ref, bench:call(Left, Number) + bench:call(Right, Number)},
            middle(Left, Right)
    end.

%% fan-out, fan-out-busy
fan(0, _What, _Leaves, _Count) -> ok;
fan(Calls, What, Leaves, Count) when Calls < Count -> fan(Calls, What, lists:sublist(Leaves, Calls), Calls);
fan(Calls, What, Leaves, Count) ->
    Self = self(),
    Ref = make_ref(),
    lists:foreach(fun(Leaf) -> Leaf ! {Self, Ref, What} end, Leaves),
    lists:foreach(fun(_) -> receive {Ref, _} -> ok end end, Leaves),
    fan(Calls - Count, What, Leaves, Count).

computer() ->
    receive
        {From, Ref, Rounds} ->
            From ! {Ref, bench:compute(Rounds)},
            computer()
    end.

%% start-delay
start_delay() ->
    Late = spawn(fun() -> receive {From, Ref, when_started} -> From ! {Ref, bench:now_ns()} end end),
    timer:sleep(?COMPUTES_NS div 1000000),
    Begin = bench:now_ns(),
    Ref = make_ref(),
    Late ! {self(), Ref, when_started},
    compute_until(Begin + ?COMPUTES_NS),
    receive {Ref, Started} -> Started - Begin end.

compute_until(End) ->
    case bench:now_ns() of
        Now when Now < End -> compute_until(End);
        _ -> ok
    end.

%% stream: the consumer gives credit for half of what may be under way each time it has taken so much.
source() ->
    receive
        {open, Sink, Ref, Last} -> items(Sink, Ref, 1, Last, ?CREDIT);
        {_Ended, _Credit} -> ok
    end,
    source().

items(Sink, Ref, Number, Last, _Credit) when Number > Last -> Sink ! {Ref, ended};
items(Sink, Ref, Number, Last, 0) ->
    receive
        {Ref, Credit} -> items(Sink, Ref, Number, Last, Credit)
    end;
items(Sink, Ref, Number, Last, Credit) ->
    Sink ! {Ref, item, Number},
    items(Sink, Ref, Number + 1, Last, Credit - 1).

sum_of_stream(Source, Last) ->
    Ref = make_ref(),
    Source ! {open, self(), Ref, Last},
    sum_of_stream(Source, Ref, 0, ?CREDIT div 2).

sum_of_stream(Source, Ref, Sum, 0) ->
    Source ! {Ref, ?CREDIT div 2},
    sum_of_stream(Source, Ref, Sum, ?CREDIT div 2);
sum_of_stream(Source, Ref, Sum, Left) ->
    receive
        {Ref, item, Number} -> sum_of_stream(Source, Ref, Sum + Number, Left - 1);
        {Ref, ended} -> Sum
    end.
