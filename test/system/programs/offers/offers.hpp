#pragma once

#include <corps/corps.hpp>

/// In a static library: makes a Worker of a class whose method nobody in the program calls, and returns its Name.
corps::Task<corps::Name<corps::Conc>> make_offering(corps::EnvId env);

/// The identity of that method, for whoever knows no more of it than its name.
std::uint64_t offered_method();
