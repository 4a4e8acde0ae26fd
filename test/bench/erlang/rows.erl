%% What each row does, as in ours/ and caf/.
-module(rows).
-export([run/1]).
-define(RING_NODES, 100).
-define(FORK_PARENTS, 10).
-define(FORK_CHILDREN, 10000).
-define(IDLE_COUNT, 1000000).

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
    Ns = bench:ns_each(All, fun(_) ->
        counters:put(Ended, 1, 0),
        in_processes(?FORK_PARENTS, fun() -> fork_join(Ended) end),
        wait_for_count(Ended, All)
    end),
    bench:report("fork-join", Ns);
run("idle-bytes") ->
    %% What holds their names has room for them from the start.
    Self = self(),
    spawn_opt(fun() -> idle(), Self ! measured end, [link, {min_heap_size, 8 * ?IDLE_COUNT}]),
    receive measured -> ok end.

%% Runs a function in a fresh process, or in several, and waits for its end.
in_process(Fun) -> in_processes(1, Fun).
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

sender(N, Receiver) ->
    tells(N, Receiver),
    bench:call(Receiver, sum).

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
