#pragma once

#include <string>
#include <vector>

#include "corps/address.hpp"
#include "corps/error.hpp"

// What this process knows of Envs of other Corps. A Name is as large as an EnvId and a ConcId let it be: the identity of another
// Corps is kept here, once for each Env, and the EnvId in the Name stands for it. Nobody can tell which Names there still are, so
// nothing is ever forgotten, and `limits.ext_envs` bounds it. Threads: any.
namespace corps::detail {

/// Which Corps this process is of, and where others reach it.
void set_own_corps(CorpsId const& corps, std::vector<std::string> endpoints);

/// The Corps of an Env of another one; it stays where it is. Null for an EnvId that stands for none.
CorpsId const* ext_corps(EnvId env) noexcept;

/// What a call ends with that goes to an Env of another Corps, and there is no link to that.
ErrorInfo no_link_to_corps(EnvId env);

}  // namespace corps::detail
