#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "corps/conc.hpp"
#include "corps/detail/call.hpp"
#include "corps/detail/class_record.hpp"
#include "corps/name.hpp"

namespace corps {

/// The methods of a class that other programs may call, and that peers may name though this program never calls them:
/// `using Api = corps::Api<&RegexApi::search_tree>;` in the class.
template <auto... M>
struct Api {
  static void offer() { ((void)detail::Registered<detail::OpOf<M>>::done, ...); }
};

namespace detail {

/// The object of a new Worker is there: runs on_start, then begins on_main as a task of the Worker that ends the Worker if it
/// throws. True: on_start waits; the request is collected when it has ended.
bool start_object(Cell& cell, Request& construct);
/// In a catch block: the object could not be made or started, so the Worker ends.
void fail_construction(Cell& cell, Request& construct) noexcept;
/// Takes out what the on_start that waited has thrown.
void take_started(Request& construct);

/// As what a constructor's argument travels: by value, and text as a string.
template <class A>
using Argument = std::conditional_t<std::is_same_v<std::decay_t<A>, char const*> || std::is_same_v<std::decay_t<A>, char*>,
                                    std::string, std::decay_t<A>>;

/// The identity of a way to construct: the class and the structure of the constructor's arguments.
template <class T, class... A>
constexpr MethodId create_id() {
  return make_method_id(class_name<T>(), "(constructor)", CodeText<&write_signature<TypeList<A...>, void>>::view);
}

void pack_info(Packer& out, WorkerInfo const& info);
WorkerInfo unpack_info(Unpacker& in);

/// A request to a cell that has no object yet: constructs one.
template <class T, class... A>
struct Create final : Reply<Name<T>> {
  using Arguments = std::tuple<A...>;

  Create(WorkerInfo of, Arguments&& args) : Reply<Name<T>>(&record), info(std::move(of)), arguments(std::move(args)) {}

  void invoke(Cell& cell) override {
    try {
      cell.expects_object = true;
      cell.object = std::apply([](A&... args) { return new T(std::move(args)...); }, arguments);
      if (start_object(cell, *this)) return;
      this->result.emplace(cell.address(), &cell);
      this->finish();
    } catch (...) {
      fail_construction(cell, *this);
    }
  }
  void collect() override {
    take_started(*this);
    this->result.emplace(this->server->address(), this->server);
  }
  void pack_arguments(Packer& out) override {
    pack_info(out, info);
    pack_and_end(out, arguments);
  }
  void pack_result(Packer& out) override { out(*this->result); }
  void unpack_result(Unpacker& in) override {
    this->result.emplace();
    in(*this->result);
  }
  static std::unique_ptr<Request> make(Unpacker& in) {
    auto info = unpack_info(in);
    Arguments args{};
    std::apply([&](auto&... each) { ((void)in(each), ...); }, args);
    return std::make_unique<Create>(std::move(info), std::move(args));
  }
  static WorkerInfo const& describe_new(Request const& request) { return static_cast<Create const&>(request).info; }

  WorkerInfo info;
  Arguments arguments;
  static MethodRecord record;
};
template <class T, class... A>
constinit MethodRecord Create<T, A...>::record{create_id<T, A...>(), &make, &class_record<T>, &describe_new};

template <class T, class... A>
struct Registered<Create<T, A...>> {
  static bool add() {
    register_method(Create<T, A...>::record);
    return true;
  }
  static inline bool const done = add();
};

template <class T, class... A>
constexpr void check_creatable() {
  static_assert(std::is_base_of_v<Conc, T>, "corps: only a class that derives from corps::Conc can be created");
  static_assert(!std::is_abstract_v<T>, "corps: an abstract class cannot be created");
  static_assert(std::is_constructible_v<T, A&&...>, "corps: the class has no constructor for these arguments");
  static_assert(require_packable<std::tuple<A...>>());
}

template <class T>
void offer_api() {
  if constexpr (requires { typename T::Api; }) T::Api::offer();
}

/// Sends the request to a new cell of this Env, or to another Env. Takes it over.
void send_create(Request& request, EnvId env);

template <class T, class... A>
Future<Name<T>> create_one(EnvId env, std::string tag, bool own_thread, A&&... args) {
  using Op = Create<T, Argument<A>...>;
  (void)Registered<Op>::done;
  offer_api<T>();
  auto& request = *std::make_unique<Op>(WorkerInfo{std::move(tag), self().address(), own_thread},
                                        typename Op::Arguments(std::forward<A>(args)...))
                       .release();
  send_create(request, env);
  return FutureMaker<Name<T>>::make(request);
}

std::vector<EnvId> spread_per_env(std::uint32_t count);
std::vector<EnvId> spread_anywhere(std::uint32_t count);

template <class T, class... A>
Task<std::vector<Name<T>>> create_each(std::vector<EnvId> where, std::string tag, bool own_thread, std::tuple<A...> args) {
  std::vector<Future<Name<T>>> pending;
  pending.reserve(where.size());
  for (auto const env : where)
    pending.push_back(std::apply([&](A const&... each) { return create_one<T>(env, tag, own_thread, A(each)...); }, args));
  std::vector<Name<T>> names;
  names.reserve(where.size());
  std::exception_ptr failure;
  for (auto& future : pending) {
    try {
      auto name = co_await future;
      names.push_back(name);
    } catch (...) {
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) {
    for (auto const& name : names) exit_worker(name.address());
    std::rethrow_exception(failure);
  }
  co_return names;
}

}  // namespace detail
}  // namespace corps
