#include "env/net/internal/fragments.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace corps::net {

namespace {

/// Of a message that is not larger, the memory goes at once: that takes 0.1 ms for each MiB, and memory that stays in use need
/// not be made anew for the next message.
constexpr std::size_t freed_at_once_bytes_max = std::size_t{8} << 20;

bool is_whole_kind(FrameKind kind) noexcept { return kind >= FrameKind::request && kind <= FrameKind::control; }

/// Of a large message, what has left: so that its memory goes piece by piece, and not in one long system call at its end.
/// `begin`: of memory of which nothing is used any more up to `to`; `from`: where the last time ended.
void give_back_pages(std::byte* begin, std::byte* from, std::byte* to) noexcept {
  static auto const page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto const up = [](std::byte const* at) { return (reinterpret_cast<std::uintptr_t>(at) + page - 1) / page * page; };
  auto const down = [](std::byte const* at) { return reinterpret_cast<std::uintptr_t>(at) / page * page; };
  auto const first = std::max(up(begin), down(from));
  auto const last = down(to);
  if (first < last) ::madvise(begin + (first - reinterpret_cast<std::uintptr_t>(begin)), last - first, MADV_DONTNEED);
}

}  // namespace

// --- sending -------------------------------------------------------------------------------------------------------

std::uint64_t LargeMessages::add(WorkerPair const& pair, FrameKind kind, detail::ByteBuffer& frame) {
  auto const ticket = ++last_ticket_;
  (is_large(frame.size()) ? large_bytes_ : small_bytes_) += frame.size();
  auto const found = lanes_.find(pair);
  Lanes::iterator lane;
  if (found != lanes_.end()) {
    lane = found->second;
  } else {
    lane = waiting_.insert(waiting_.end(), Lane{pair, {}, 0});
    lanes_.emplace(pair, lane);
  }
  lane->messages.push_back({kind, std::move(frame), ticket});
  tickets_.insert(ticket);
  return ticket;
}

void LargeMessages::begin_lanes() {
  while (!waiting_.empty() && begun_.size() < partial_messages_max) {
    auto& message = waiting_.front().messages.front();
    if (begun_bytes_ != 0 && begun_bytes_ + message.frame.size() > limits_.begun_bytes_max) return;
    begun_bytes_ += message.frame.size();
    message.number = ++last_number_;
    begun_.splice(begun_.end(), waiting_, waiting_.begin());
  }
}

LargeMessages::Next LargeMessages::next() {
  begin_lanes();
  auto const lane = begun_.begin();
  auto& message = lane->messages.front();
  bool const is_cut = message.number != 0;
  auto result = is_cut ? cut(message) : Next{message.kind, std::move(message.frame)};
  if (!is_cut) small_bytes_ -= result.frame.size();
  lane->turn_bytes += result.frame.size();
  bool const ends = !is_cut || message.at == message.frame.size();
  bool const turn_is_over = lane->turn_bytes >= limits_.fragment_bytes;
  if (turn_is_over) lane->turn_bytes = 0;
  if (turn_is_over) begun_.splice(begun_.end(), begun_, lane);
  if (ends) end_message(lane);
  return result;
}

LargeMessages::Next LargeMessages::cut(Message& message) {
  auto const count = std::min(limits_.fragment_bytes, message.frame.size() - message.at);
  Next result{FrameKind::fragment, {}};
  result.frame.reserve(header_bytes + fragment_head_bytes + count);
  auto* const head = result.frame.extend(header_bytes + fragment_head_bytes) + header_bytes;
  put_number(head, message.number);
  head[4] = static_cast<std::byte>(message.kind);
  put_number(head + 6, std::uint16_t{0});
  unsigned flags = message.at == header_bytes ? fragment_first : 0U;
  result.frame.append(message.frame.data() + message.at, count);
  if (message.frame.size() > freed_at_once_bytes_max)
    give_back_pages(message.frame.data() + header_bytes, message.frame.data() + message.at,
                    message.frame.data() + message.at + count);
  message.at += count;
  large_bytes_ -= count;
  if (message.at == message.frame.size()) flags |= fragment_last;
  head[5] = static_cast<std::byte>(flags);
  return result;
}

void LargeMessages::end_message(Lanes::iterator lane) {
  auto& message = lane->messages.front();
  if (message.number != 0) {
    begun_bytes_ -= message.frame.size();
    large_bytes_ -= header_bytes;
  }
  tickets_.erase(message.ticket);
  lane->messages.pop_front();
  if (lane->messages.empty()) {
    lanes_.erase(lane->pair);
    begun_.erase(lane);
  } else if (is_large(lane->messages.front().frame.size())) {
    lane->turn_bytes = 0;
    waiting_.splice(waiting_.end(), begun_, lane);
  }
}

void LargeMessages::drop_begun() {
  for (auto lane = begun_.begin(); lane != begun_.end();) {
    auto const here = lane++;
    auto& message = here->messages.front();
    if (message.number == 0) continue;
    large_bytes_ -= message.frame.size() - message.at;
    end_message(here);
  }
}

void LargeMessages::clear() {
  lanes_.clear();
  waiting_.clear();
  begun_.clear();
  tickets_.clear();
  small_bytes_ = large_bytes_ = begun_bytes_ = 0;
}

// --- receiving -----------------------------------------------------------------------------------------------------

std::optional<Reassembly::Whole> Reassembly::take(std::span<std::byte const> payload) {
  if (payload.size() <= fragment_head_bytes) return refuse("an empty fragment");
  if (!pass(payload.size())) return std::nullopt;
  auto const number = get_number<std::uint32_t>(payload.data());
  auto const kind = static_cast<FrameKind>(payload[4]);
  auto const flags = std::to_integer<unsigned>(payload[5]);
  auto const bytes = payload.subspan(fragment_head_bytes);
  if (!is_whole_kind(kind) || (flags & ~(fragment_first | fragment_last | fragment_void)) != 0 ||
      get_number<std::uint16_t>(payload.data() + 6) != 0) {
    return refuse("a fragment of the wrong form");
  }
  if ((flags & fragment_void) != 0) return std::nullopt;
  auto found = std::ranges::find(partial_, number, &Partial::number);
  if ((flags & fragment_first) != 0) {
    if (found != partial_.end()) return refuse("message " + std::to_string(number) + " begins a second time");
    if (partial_.size() == partial_messages_max) {
      return refuse("more than " + std::to_string(partial_messages_max) + " messages are sent in fragments at a time");
    }
    found = partial_.insert(partial_.end(), {number, kind, {}, received_});
  } else if (found == partial_.end()) {
    return refuse("a fragment of message " + std::to_string(number) + ", which has not begun");
  }
  if (found->kind != kind) return refuse("message " + std::to_string(number) + " changes its kind");
  if (bytes.size() > limits_.message_bytes_max - found->payload.size()) {
    return refuse("message " + std::to_string(number) + " is over the limit of " + std::to_string(limits_.message_bytes_max) +
                  " bytes");
  }
  if (partial_.size() > 1 && bytes_ + bytes.size() > limits_.begun_bytes_max) {
    return refuse("the messages that are sent in fragments are over the limit of " + std::to_string(limits_.begun_bytes_max) +
                  " bytes");
  }
  found->payload.append(bytes.data(), bytes.size());
  found->at = received_;
  bytes_ += bytes.size();
  if ((flags & fragment_last) == 0) return std::nullopt;
  Whole whole{kind, std::move(found->payload)};
  bytes_ -= whole.payload.size();
  partial_.erase(found);
  return whole;
}

bool Reassembly::pass(std::size_t bytes) {
  received_ += bytes;
  auto const gap_bytes_max = limits_.fragment_bytes * fragment_gap_max;
  for (auto const& partial : partial_) {
    if (received_ - partial.at <= gap_bytes_max) continue;
    refuse("message " + std::to_string(partial.number) + " is not gone on with: " + std::to_string(received_ - partial.at) +
           " bytes came since its last fragment");
    return false;
  }
  return true;
}

std::optional<Reassembly::Whole> Reassembly::refuse(std::string why) {
  clear();
  why_ = std::move(why);
  return std::nullopt;
}

void Reassembly::clear() noexcept {
  partial_.clear();
  bytes_ = 0;
  why_.clear();
}

}  // namespace corps::net
