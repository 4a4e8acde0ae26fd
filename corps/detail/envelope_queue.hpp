#pragma once

#include "corps/detail/envelope.hpp"

namespace corps::detail {

/// Envelopes in order, linked to a ring through `next`. It owns none of them.
class EnvelopeQueue {
 public:
  bool empty() const noexcept { return last_ == nullptr; }

  void push_back(Envelope* envelope) noexcept { append(envelope, envelope); }
  /// `first` to `last` are linked already.
  void append(Envelope* first, Envelope* last) noexcept {
    if (last_ == nullptr) {
      last->next = first;
    } else {
      last->next = last_->next;
      last_->next = first;
    }
    last_ = last;
  }
  /// The oldest. Only if not empty.
  Envelope* pop_front() noexcept {
    auto* const first = last_->next;
    if (first == last_)
      last_ = nullptr;
    else
      last_->next = first->next;
    first->next = nullptr;
    return first;
  }
  void push_front(Envelope* envelope) noexcept {
    if (last_ == nullptr) return append(envelope, envelope);
    envelope->next = last_->next;
    last_->next = envelope;
  }
  /// The one after `before`, or the oldest if that is null; null if there is none.
  Envelope* after(Envelope const* before) const noexcept {
    if (last_ == nullptr || before == last_) return nullptr;
    return before == nullptr ? last_->next : before->next;
  }
  /// Takes it out. Only if there is one.
  Envelope* take_after(Envelope* before) noexcept {
    if (before == nullptr) return pop_front();
    auto* const taken = before->next;
    before->next = taken->next;
    if (taken == last_) last_ = before;
    taken->next = nullptr;
    return taken;
  }
  /// All of them, oldest first, ended by null; null if there is none.
  Envelope* take_all() noexcept {
    if (last_ == nullptr) return nullptr;
    auto* const first = last_->next;
    last_->next = nullptr;
    last_ = nullptr;
    return first;
  }
  template <class F>
  void for_each(F&& visit) const {
    if (last_ == nullptr) return;
    auto const* envelope = last_;
    do {
      envelope = envelope->next;
      visit(*envelope);
    } while (envelope != last_);
  }

 private:
  Envelope* last_ = nullptr;
};

}  // namespace corps::detail
