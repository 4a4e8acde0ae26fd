%% Erlang's rows, started as: erl +S N:N -noshell -run bench main ROW. Plain processes, no gen_server: a call is a message with a
%% fresh reference and a receive that waits for just that one. Nothing has a time limit and nothing is watched.
-module(bench).
-export([main/1, ns_each/2, report/2, per_second/1, expect/1, call/2, now_ns/0, resident_bytes/0, rounds_of/1, compute/1, next_random/1]).

%% CallsPerSecond: only for a row that is measured at a given rate.
main([Row | CallsPerSecond]) ->
    persistent_term:put(calls_per_second, CallsPerSecond),
    try
        rows:run(Row),
        halt(0)
    catch
        _:Reason:Stack ->
            io:format(standard_error, "~s: ~p ~p~n", [Row, Reason, Stack]),
            halt(1)
    end.

now_ns() -> erlang:monotonic_time(nanosecond).

report(Row, Value) -> io:format("~s ~.6g~n", [Row, float(Value)]).

per_second(NsEach) -> 1.0e9 / NsEach.

%% A wrong answer is no result.
expect(true) -> ok.

%% As ns_each in measure.hpp: the same warm-up, and the same time measured.
ns_each(First, Run) ->
    {N, TookNs} = warm_up(First, Run, time(First, Run)),
    Count = max(First, trunc(N * 300.0e6 / TookNs)),
    time(Count, Run) / Count.

warm_up(N, Run, TookNs) when TookNs < 80.0e6 -> warm_up(2 * N, Run, time(2 * N, Run));
warm_up(N, _Run, TookNs) -> {N, TookNs}.

time(N, Run) ->
    Begin = now_ns(),
    Run(N),
    now_ns() - Begin.

%% The receive skips what came before the reference was made.
call(To, What) ->
    Ref = make_ref(),
    To ! {self(), Ref, What},
    receive
        {Ref, Answer} -> Answer
    end.

%% The generator of measure.hpp.
next_random(State) -> (State * 22695477 + 1) band 16#7fffffff.

compute(Rounds) -> compute(Rounds, Rounds band 16#7fffffff).
compute(0, State) -> State;
compute(Rounds, State) -> compute(Rounds - 1, next_random(State)).

%% How many rounds take this long on one core of this machine.
rounds_of(WantedNs) ->
    Sample = 1000000,
    BestNs = lists:min([time(Sample, fun compute/1) || _ <- lists:seq(1, 20)]),
    trunc(Sample * WantedNs / BestNs).

resident_bytes() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Resident | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Resident) * 4096.
