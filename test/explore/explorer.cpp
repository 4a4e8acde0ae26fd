#include "test/explore/explorer.hpp"

#include <cstring>

namespace explore {
namespace {

std::uint64_t mix(std::uint64_t seed, void const* bytes, std::size_t count) noexcept {
  auto const* at = static_cast<unsigned char const*>(bytes);
  std::uint64_t word = 0;
  for (; count > 0; at += sizeof(word)) {
    auto const part = count < sizeof(word) ? count : sizeof(word);
    word = 0;
    std::memcpy(&word, at, part);
    count -= part;
    seed = (seed ^ word) * 0x9e37'79b9'7f4a'7c15U;
    seed ^= seed >> 32U;
  }
  return seed;
}

/// How far a stack is in use.
std::uintptr_t stack_pointer(ucontext_t const& context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RSP]);
#else
  return context.uc_mcontext.sp;
#endif
}

}  // namespace

Explorer& Explorer::instance() {
  static Explorer explorer;
  return explorer;
}

Explorer::Result Explorer::run(std::vector<Memory> memory, Body const& start, std::vector<Body> const& threads,
                               Body const& at_end) {
  memory_ = std::move(memory);
  written_.clear();
  failure_.clear();
  Result result;
  do {  // again from the start when it was learnt that a place is written
    path_.clear();
    seen_.clear();
    do {
      ++result.runs;
      found_written_ = false;
      bool const finished = run_once(start, threads);
      if (finished && failure_.empty()) at_end();
    } while (failure_.empty() && !found_written_ && next_path());
  } while (failure_.empty() && found_written_);
  result.states = seen_.size();
  if (failure_.empty()) return result;
  result.failure = failure_ + "; the threads in the order of their operations:";
  for (auto const& choice : path_) result.failure += ' ' + std::to_string(choice.threads[choice.taken]);
  return result;
}

void Explorer::enter() {
  auto& self = instance();
  auto& me = self.fibers_[self.current_];
  me.body();
  me.done = true;
  setcontext(&self.home_);
}

void Explorer::prepare(std::vector<Body> const& threads) {
  fiber_count_ = threads.size();
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    auto& fiber = fibers_[i];
    fiber.body = threads[i];
    fiber.can_go_on = nullptr;
    fiber.done = false;
    fiber.timeouts_left = timeouts_each;
    std::memset(fiber.stack.get(), 0, stack_bytes);  // what is left of other runs makes no state another
    std::memset(static_cast<void*>(&fiber.context), 0, sizeof(fiber.context));
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Explorer::enter, 0);
  }
}

/// True if all threads came to their ends; false if the rest has been seen before, or it failed.
bool Explorer::run_once(Body const& start, std::vector<Body> const& threads) {
  start();
  prepare(threads);
  depth_ = 0;
  finished_ = false;
  running_ = starting_ = true;
  for (current_ = 0; current_ < fiber_count_; ++current_) swapcontext(&home_, &fibers_[current_].context);  // to its first point
  starting_ = false;
  while (choose()) swapcontext(&home_, &fibers_[current_].context);
  running_ = false;
  return finished_;
}

bool Explorer::next_path() {
  while (!path_.empty()) {
    if (++path_.back().taken < path_.back().count) return true;
    path_.pop_back();
  }
  return false;
}

void Explorer::point(std::function<bool()> can_go_on) {
  auto& me = fibers_[current_];
  me.can_go_on = std::move(can_go_on);
  swapcontext(&me.context, &home_);
}

/// Sets who goes on; false if this run is over.
bool Explorer::choose() {
  if (!failure_.empty()) return false;
  if (depth_ == path_.size()) {
    if (!seen_.insert(state()).second) return false;
    Choice choice;
    bool others_ended = true;
    for (std::size_t i = 0; i < fiber_count_; ++i) {
      if (fibers_[i].done) continue;
      others_ended = others_ended && i + 1 == fiber_count_;
      current_ = i;
      if (!fibers_[i].can_go_on || fibers_[i].can_go_on()) choice.threads[choice.count++] = i;
    }
    finished_ = choice.count == 0 && others_ended;
    if (finished_) return false;
    if (choice.count == 0 || depth_ == steps_max) {
      fail(choice.count == 0 ? "those that have not ended wait for ever" : "it does not end");
      return false;
    }
    path_.push_back(choice);
  }
  auto const& choice = path_[depth_++];
  current_ = choice.threads[choice.taken];
  return true;
}

std::uint64_t Explorer::state() const noexcept {
  std::uint64_t all = 0;
  for (auto const& part : memory_) all = mix(all, part.data(), part.size());
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    auto const& fiber = fibers_[i];
    all = mix(all, &fiber.done, sizeof(fiber.done));
    if (fiber.done) continue;
    auto const top = reinterpret_cast<std::uintptr_t>(fiber.stack.get()) + stack_bytes;
    auto const used = stack_pointer(fiber.context);
    all = mix(all, reinterpret_cast<void const*>(used), top - used);  // NOLINT
    all = mix(all, &fiber.context.uc_mcontext, sizeof(fiber.context.uc_mcontext));
    all = mix(all, &fiber.timeouts_left, sizeof(fiber.timeouts_left));
  }
  return all;
}

void Explorer::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

}  // namespace explore
