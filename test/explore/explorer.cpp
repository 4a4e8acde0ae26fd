#include "test/explore/explorer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

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

/// Of the registers, those that a call keeps: the others hold nothing that counts.
std::uint64_t mix_registers(std::uint64_t seed, ucontext_t const& context) noexcept {
#if defined(__x86_64__)
  for (auto const each : {REG_RIP, REG_RSP, REG_RBP, REG_RBX, REG_R12, REG_R13, REG_R14, REG_R15})
    seed = mix(seed, &context.uc_mcontext.gregs[each], sizeof(greg_t));
  return seed;
#else
  return mix(seed, &context.uc_mcontext, sizeof(context.uc_mcontext));
#endif
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

bool Explorer::States::insert(std::uint64_t state) {
  if (2 * ++count_ > slots_.size()) grow();
  auto& slot = place_of(state);
  if (slot != state) return slot = state, true;
  --count_;
  return false;
}

std::uint64_t& Explorer::States::place_of(std::uint64_t state) noexcept {
  auto at = state & (slots_.size() - 1);
  while (slots_[at] != 0 && slots_[at] != state) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

void Explorer::States::grow() {
  auto const before = std::exchange(slots_, std::vector<std::uint64_t>(std::max<std::size_t>(1024, 2 * slots_.size())));
  for (auto const state : before)
    if (state != 0) place_of(state) = state;
}

Explorer::Result Explorer::run(std::vector<Memory> memory, Body const& start, std::vector<Body> const& threads,
                               Body const& at_end, Limits limits) {
  memory_ = std::move(memory);
  limits_ = limits;
  written_.clear();
  failure_.clear();
  do {  // again from the start when it was learnt that a place is written
    found_written_ = false;
    seen_ = {};
    depth_ = 0;
    start();
    prepare(threads);
    follow_all(at_end);
  } while (failure_.empty() && found_written_);
  Result result{failure_, seen_.size()};
  if (failure_.empty()) return result;
  result.failure += "; the threads in the order of their operations:";
  for (std::size_t depth = 0; depth < depth_; ++depth) result.failure += ' ' + std::to_string(path_[depth].current());
  return result;
}

void Explorer::enter() {
  auto& self = instance();
  auto& me = self.fibers_[self.current_];
  me.body();
  me.done = true;
  setcontext(&self.home_);
}

/// All threads stand at their first points then.
void Explorer::prepare(std::vector<Body> const& threads) {
  fiber_count_ = threads.size();
  late_timeouts_left_ = limits_.timeouts_when_all_wait;
  for (std::size_t i = 0; i < fiber_count_; ++i) make_fiber(fibers_[i], threads[i]);
  for (current_ = 0; current_ < fiber_count_; ++current_) go_on();
}

void Explorer::make_fiber(Fiber& fiber, Body const& body) const {
  static_cast<FiberState&>(fiber) = {};
  fiber.body = body;
  fiber.timeouts_left = limits_.timeouts_each;
  std::memset(fiber.stack.get(), 0, stack_bytes);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, &Explorer::enter, 0);
}

/// Depth first: on while the state is new, else back to the last point where another thread can be chosen.
void Explorer::follow_all(Body const& at_end) {
  while (failure_.empty() && !found_written_) {
    if (!seen_.insert(state()) || !choose(at_end)) {
      if (!failure_.empty() || !go_back()) return;
    }
    current_ = path_[depth_ - 1].current();
    go_on();
  }
}

/// Sets who goes on; false if there is nobody.
bool Explorer::choose(Body const& at_end) {
  if (depth_ == path_.size()) path_.emplace_back();
  auto& choice = path_[depth_];
  find_who_can_go_on(choice);
  if (choice.count == 0) {
    all_wait_ = true;
    find_who_can_go_on(choice);
    all_wait_ = false;
  }
  if (choice.count == 0) {
    others_ended() ? at_end() : fail("those that have not ended wait for ever");
    return false;
  }
  if (depth_ == steps_max) fail("it does not end");
  if (choice.count > 1) save(choice);
  ++depth_;
  return true;
}

void Explorer::find_who_can_go_on(Choice& choice) {
  choice.count = choice.taken = 0;
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    if (fibers_[i].done) continue;
    current_ = i;
    if (!fibers_[i].can_go_on || fibers_[i].can_go_on()) choice.threads[choice.count++] = i;
  }
}

/// All that do not serve others.
bool Explorer::others_ended() const noexcept {
  bool ended = true;
  for (std::size_t i = 0; i + limits_.servers < fiber_count_; ++i) ended = ended && fibers_[i].done;
  return ended;
}

/// False if all has been tried.
bool Explorer::go_back() {
  for (; depth_ > 0; --depth_) {
    auto& choice = path_[depth_ - 1];
    if (++choice.taken == choice.count) continue;
    restore(choice);
    return true;
  }
  return false;
}

/// The chosen thread, to its next point.
void Explorer::go_on() {
  running_ = true;
  swapcontext(&home_, &fibers_[current_].context);
  running_ = false;
  forget_left_over(fibers_[current_]);
}

/// What calls have left below a stack makes no state another.
void Explorer::forget_left_over(Fiber& fiber) noexcept {
  auto* const used = used_stack(fiber).data();
  auto* const from = std::max(fiber.stack.get(), used - left_over_bytes_max);
  std::memset(from, 0, static_cast<std::size_t>(used - from));
}

Explorer::Memory Explorer::used_stack(Fiber const& fiber) noexcept {
  auto* const top = fiber.stack.get() + stack_bytes;
  auto* const used = reinterpret_cast<std::byte*>(stack_pointer(fiber.context));  // NOLINT
  return {used, top};
}

void Explorer::point(std::function<bool()> can_go_on) {
  auto& me = fibers_[current_];
  me.can_go_on = std::move(can_go_on);
  swapcontext(&me.context, &home_);
}

void Explorer::save(Choice& choice) const {
  auto& saved = choice.saved;
  saved.clear();
  auto const add = [&](Memory part) { saved.insert(saved.end(), part.begin(), part.end()); };
  for (auto const& part : memory_) add(part);
  choice.late_timeouts_left = late_timeouts_left_;
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    auto const& fiber = fibers_[i];
    choice.fibers[i] = {fiber.context, fiber.can_go_on, fiber.done, fiber.timeouts_left};
    if (!fiber.done) add(used_stack(fiber));
  }
}

void Explorer::restore(Choice const& choice) {
  auto const* from = choice.saved.data();
  auto const take = [&](Memory part) { std::memcpy(part.data(), std::exchange(from, from + part.size()), part.size()); };
  for (auto const& part : memory_) take(part);
  late_timeouts_left_ = choice.late_timeouts_left;
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    auto& fiber = fibers_[i];
    static_cast<FiberState&>(fiber) = choice.fibers[i];
    if (fiber.done) continue;
    take(used_stack(fiber));
    forget_left_over(fiber);
  }
}

std::uint64_t Explorer::state() const noexcept {
  auto all = static_cast<std::uint64_t>(late_timeouts_left_);
  for (auto const& part : memory_) all = mix(all, part.data(), part.size());
  for (std::size_t i = 0; i < fiber_count_; ++i) {
    auto const& fiber = fibers_[i];
    all = mix(all, &fiber.done, sizeof(fiber.done));
    if (fiber.done) continue;
    auto const used = used_stack(fiber);
    all = mix(all, used.data(), used.size());
    all = mix_registers(all, fiber.context);
    all = mix(all, &fiber.timeouts_left, sizeof(fiber.timeouts_left));
  }
  return all | 1U;  // 0 is no state
}

void Explorer::fail(std::string why) {
  if (failure_.empty()) failure_ = std::move(why);
}

}  // namespace explore
