#pragma once

#include <cstdint>

/// Names of the language, for headers that only mention them.
namespace corps {

class Conc;
class Corps;

template <class T>
class Name;
template <class T>
class Future;
template <class T = void>
class Task;
template <class T>
class Later;
template <class T>
class Promise;
template <class T>
class Stream;

enum class EndedHow : std::uint8_t;

struct ConcAddr;

class Packer;
class Unpacker;

}  // namespace corps
