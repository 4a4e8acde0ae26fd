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
