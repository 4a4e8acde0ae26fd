#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "corps/detail/type_name.hpp"
#include "corps/detail/wire_code.hpp"
#include "corps/fwd.hpp"

// What a method is called on the wire: its class, its name, and the structure of its arguments and result. All of it is known to
// the compiler, and two programs built by different compilers from the same types agree on it.

namespace corps::detail {

struct MethodId {
  std::uint64_t hash = 0;  // of the three texts; never 0
  std::string_view class_name;
  std::string_view method_name;
  std::string_view signature;  // "(u64,str)void"; of a member "get:u64" or "set:u64"

  friend constexpr bool operator==(MethodId const&, MethodId const&) = default;
};

template <class R>
struct TaskResult {
  using Type = std::decay_t<R>;
  static constexpr bool is_task = false;
};
template <class R>
struct TaskResult<Task<R>> {
  using Type = std::decay_t<R>;
  static constexpr bool is_task = true;
};
template <class R>
struct TaskResult<Later<R>> {
  using Type = std::decay_t<R>;
  static constexpr bool is_task = false;
};
template <class R>
struct TaskResult<Task<Later<R>>> {
  static_assert(sizeof(R) == 0, "corps: a Task answers when it ends; a method that returns a Later is no Task");
};

template <class C, class R, bool is_const_method, class... A>
struct MethodShape {
  using Class = C;
  using RawResult = R;
  using Result = typename TaskResult<R>::Type;  // of a Task<R> or a Later<R> it is R
  using Args = std::tuple<std::decay_t<A>...>;
  using Params = std::tuple<A...>;  // as declared; never instantiated as an object if A has references
  using ArgCodes = TypeList<std::decay_t<A>...>;
  static constexpr bool is_task = TaskResult<R>::is_task;
  static constexpr bool is_const = is_const_method;
  static constexpr bool takes_references = (std::is_reference_v<A> || ...);
  /// A parameter through which the method would write to its caller, who may be in another process.
  static constexpr bool takes_out_references =
      ((std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>) || ...);
};

/// const, & and noexcept say nothing about who can call a method and with what; they do not change its identity.
template <class F>
struct MethodShapeOf {
  static_assert(!std::is_member_function_pointer_v<F>,
                "corps: a method that is volatile, has && or takes `...` cannot be called through a Name");
};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...)> : MethodShape<C, R, false, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...) const> : MethodShape<C, R, true, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...)&> : MethodShape<C, R, false, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...) const&> : MethodShape<C, R, true, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...) noexcept> : MethodShape<C, R, false, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...) const noexcept> : MethodShape<C, R, true, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...)& noexcept> : MethodShape<C, R, false, A...> {};
template <class C, class R, class... A>
struct MethodShapeOf<R (C::*)(A...) const& noexcept> : MethodShape<C, R, true, A...> {};

/// A free function, or a static one of a class: its Class is void.
template <class R, class... A>
struct MethodShapeOf<R (*)(A...)> : MethodShape<void, R, false, A...> {};
template <class R, class... A>
struct MethodShapeOf<R (*)(A...) noexcept> : MethodShape<void, R, false, A...> {};

template <auto F>
inline constexpr bool is_function = std::is_function_v<std::remove_pointer_t<decltype(F)>>;

/// What can be said of a method or a function by its pointer: Class, Result, Args, Params, is_task, is_const …
template <auto M>
struct MethodTraits : MethodShapeOf<decltype(M)> {
  static_assert(std::is_member_function_pointer_v<decltype(M)> || is_function<M>,
                "corps: this wants a pointer to a method: &Class::method");
};

template <class F>
struct MemberShapeOf;
template <class C, class T>
struct MemberShapeOf<T C::*> {
  using Class = C;
  using Type = std::remove_cv_t<T>;
};

/// What can be said of a data member by its pointer: Class, Type.
template <auto M>
struct MemberTraits : MemberShapeOf<decltype(M)> {
  static_assert(std::is_member_object_pointer_v<decltype(M)>, "corps: this wants a pointer to a data member: &Class::member");
};

template <auto M>
consteval auto member_text() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_suffix(text.size() - text.find_last_of(']'));
  return text;
}

constexpr bool is_identifier(std::string_view text) {
  if (text.empty() || text.starts_with("operator") || text.starts_with("__conv_op")) return false;
  for (char const c : text) {
    bool const word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80) != 0;
    if (!word) return false;
  }
  return true;
}

/// The last name in "&ns::Class::method"; what stands before it is not looked at, since compilers differ there.
template <auto M>
consteval std::string_view member_name() {
  constexpr std::string_view text = member_text<M>();
  constexpr std::size_t colons = text.rfind("::");
  constexpr std::string_view name = colons == std::string_view::npos ? std::string_view() : text.substr(colons + 2);
  static_assert(
      is_identifier(name),
      "corps: this method has no name that every compiler prints alike (an operator or conversion): give it an ordinary name");
  return name;
}

/// "ns::function". Compilers print a function alike if it is no instance of a template and in no anonymous or inline namespace;
/// what of that can be seen in the text is refused.
template <auto F>
consteval std::string_view function_name() {
  constexpr std::string_view text = member_text<F>();
  constexpr std::size_t begin = text.rfind("M = ") + 4;
  constexpr std::string_view name = text.substr(text[begin] == '&' ? begin + 1 : begin);
  static_assert(is_plain_name(name),
                "corps: this function has no name that every compiler prints alike, because it is a template instance or in an "
                "anonymous namespace: make it an ordinary function of a named namespace");
  return name;
}

/// FNV-1a over texts, finished so that every bit of the hash depends on all of them.
class IdentityHash {
 public:
  constexpr void add(std::string_view text) {
    for (char const c : text) {
      state_ ^= static_cast<unsigned char>(c);
      state_ *= 0x100000001b3;
    }
  }
  constexpr std::uint64_t finish() const {
    std::uint64_t h = state_;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9;
    h = (h ^ (h >> 27)) * 0x94d049bb133111eb;
    h ^= h >> 31;
    return h == 0 ? 1 : h;
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325;
};

constexpr MethodId make_method_id(std::string_view class_name, std::string_view method_name, std::string_view signature) {
  IdentityHash hash;
  hash.add(class_name);
  hash.add("::");
  hash.add(method_name);
  hash.add(signature);
  return {hash.finish(), class_name, method_name, signature};
}

template <class... A>
constexpr void write_arguments([[maybe_unused]] CodeSink& sink, TypeList<A...>) {
  [[maybe_unused]] bool first = true;
  ((first ? void(first = false) : sink.add(','), write_checked_code<A>(sink)), ...);
}
template <class ArgCodes, class Result>
constexpr void write_signature(CodeSink& sink) {
  sink.add('(');
  write_arguments(sink, ArgCodes{});
  sink.add(')');
  write_checked_code<Result>(sink);
}
template <class T>
constexpr void write_get(CodeSink& sink) {
  sink.add("get:");
  write_checked_code<T>(sink);
}
template <class T>
constexpr void write_set(CodeSink& sink) {
  sink.add("set:");
  write_checked_code<T>(sink);
}

/// The identity of a method or a function. Two pointers to one method, say with and without noexcept, have one identity. A
/// function has no class, and its qualified name.
template <auto M>
consteval MethodId method_id() {
  using Traits = MethodTraits<M>;
  constexpr std::string_view signature = CodeText<&write_signature<typename Traits::ArgCodes, typename Traits::Result>>::view;
  if constexpr (is_function<M>)
    return make_method_id({}, function_name<M>(), signature);
  else
    return make_method_id(class_name<typename Traits::Class>(), member_name<M>(), signature);
}

/// The identity of reading a data member.
template <auto M>
consteval MethodId member_get_id() {
  using Traits = MemberTraits<M>;
  return make_method_id(class_name<typename Traits::Class>(), member_name<M>(),
                        CodeText<&write_get<typename Traits::Type>>::view);
}
/// The identity of writing a data member.
template <auto M>
consteval MethodId member_set_id() {
  using Traits = MemberTraits<M>;
  return make_method_id(class_name<typename Traits::Class>(), member_name<M>(),
                        CodeText<&write_set<typename Traits::Type>>::view);
}

}  // namespace corps::detail
