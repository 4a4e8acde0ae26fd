%% In place of Erlang's port mapper, which would be a process of its own that stays: there are only two nodes, and the one that
%% calls was told the port of the other.
-module(links_epmd).
-export([start_link/0, register_node/2, register_node/3, listen_port_please/2, address_please/3, port_please/2, port_please/3, names/1]).
-export([own_port/0, set_other_port/1]).
-define(DISTRIBUTION_VERSION, 6).

start_link() -> ignore.

register_node(Name, Port) -> register_node(Name, Port, inet).
register_node(_Name, Port, _Driver) ->
    persistent_term:put({?MODULE, own}, Port),
    {ok, rand:uniform(16#7fffffff) + 3}.

listen_port_please(_Name, _Host) -> {ok, 0}.

address_please(_Name, _Host, _Family) -> {ok, {127, 0, 0, 1}, other_port(), ?DISTRIBUTION_VERSION}.
port_please(_Name, _Host) -> {port, other_port(), ?DISTRIBUTION_VERSION}.
port_please(Name, Host, _Timeout) -> port_please(Name, Host).

names(_Host) -> {error, address}.

own_port() -> persistent_term:get({?MODULE, own}).
other_port() -> persistent_term:get({?MODULE, other}).
set_other_port(Port) -> persistent_term:put({?MODULE, other}, Port).
