#include "env/net/internal/fragments.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace corps::net {

namespace {

/// A fragment that is not larger is copied: the carrier then finds it in one piece with others.
constexpr std::size_t copied_fragment_bytes_max = std::size_t{1} << 10;

bool is_whole_kind(FrameKind kind) noexcept { return kind >= FrameKind::request && kind <= FrameKind::control; }

}  // namespace

// --- sending -------------------------------------------------------------------------------------------------------

std::uint64_t LargeMessages::add(WorkerPair const& pair, FrameKind kind, detail::ByteBuffer& frame, detail::AllGiven given) {
  auto const ticket = ++last_ticket_;
  auto message = std::make_shared<PackedMessage>(std::move(frame), std::move(given));
  (is_large(message->size()) ? large_bytes_ : small_bytes_) += message->size();
  auto const found = lanes_.find(pair);
  Lanes::iterator lane;
  if (found != lanes_.end()) {
    lane = found->second;
  } else {
    lane = waiting_.insert(waiting_.end(), Lane{pair, {}, 0});
    lanes_.emplace(pair, lane);
  }
  lane->messages.push_back({kind, std::move(message), ticket});
  tickets_.insert(ticket);
  return ticket;
}

void LargeMessages::begin_lanes() {
  while (!waiting_.empty() && begun_.size() < partial_messages_max) {
    auto& message = waiting_.front().messages.front();
    if (begun_bytes_ != 0 && begun_bytes_ + message.frame->size() > limits_.begun_bytes_max) return;
    begun_bytes_ += message.frame->size();
    message.number = ++last_number_;
    begun_.splice(begun_.end(), waiting_, waiting_.begin());
  }
}

LargeMessages::Next LargeMessages::next() {
  begin_lanes();
  auto const lane = begun_.begin();
  auto& message = lane->messages.front();
  bool const is_cut = message.number != 0;
  auto const size = message.frame->size();
  auto result = is_cut ? cut(message) : Next{message.kind, std::move(message.frame->packed()), {}};
  if (!is_cut) small_bytes_ -= size;
  lane->turn_bytes += result.frame.size() + result.part.size();
  bool const ends = !is_cut || message.at == size;
  bool const turn_is_over = lane->turn_bytes >= limits_.fragment_bytes;
  if (turn_is_over) lane->turn_bytes = 0;
  if (turn_is_over) begun_.splice(begun_.end(), begun_, lane);
  if (ends) end_message(lane, size);
  return result;
}

LargeMessages::Next LargeMessages::cut(Message& message) {
  auto const size = message.frame->size();
  MessagePart part(message.frame, message.at, limits_.fragment_bytes);
  auto const count = part.size();
  bool const is_copied = count <= copied_fragment_bytes_max;
  Next result{FrameKind::fragment, {}, {}};
  result.frame.reserve(header_bytes + fragment_head_bytes + (is_copied ? count : 0));
  auto* const head = result.frame.extend(header_bytes + fragment_head_bytes) + header_bytes;
  unsigned flags = message.at == header_bytes ? fragment_first : 0U;
  if (message.at + count == size) flags |= fragment_last;
  put_number(head, message.number);
  head[4] = static_cast<std::byte>(message.kind);
  head[5] = static_cast<std::byte>(flags);
  put_number(head + 6, std::uint16_t{0});
  if (is_copied)
    result.frame.append(part.bytes().data(), count);
  else
    result.part = std::move(part);
  message.at += count;
  large_bytes_ -= count;
  return result;
}

void LargeMessages::end_message(Lanes::iterator lane, std::size_t frame_size) {
  auto& message = lane->messages.front();
  if (message.number != 0) {
    begun_bytes_ -= frame_size;
    large_bytes_ -= header_bytes;
  }
  tickets_.erase(message.ticket);
  lane->messages.pop_front();
  if (lane->messages.empty()) {
    lanes_.erase(lane->pair);
    begun_.erase(lane);
  } else if (is_large(lane->messages.front().frame->size())) {
    lane->turn_bytes = 0;
    waiting_.splice(waiting_.end(), begun_, lane);
  }
}

void LargeMessages::drop_begun() {
  for (auto lane = begun_.begin(); lane != begun_.end();) {
    auto const here = lane++;
    auto& message = here->messages.front();
    if (message.number == 0) continue;
    large_bytes_ -= message.frame->size() - message.at;
    end_message(here, message.frame->size());
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

std::optional<Reassembly::Whole> Reassembly::take(std::span<std::byte const> payload, detail::ByteBuffer* memory) {
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
  if (bytes.size() > limits_.message_bytes_max - found->message.size()) {
    return refuse("message " + std::to_string(number) + " is over the limit of " + std::to_string(limits_.message_bytes_max) +
                  " bytes");
  }
  if (partial_.size() > 1 && bytes_ + bytes.size() > limits_.begun_bytes_max) {
    return refuse("the messages that are sent in fragments are over the limit of " + std::to_string(limits_.begun_bytes_max) +
                  " bytes");
  }
  found->message.add(bytes, memory);
  found->at = received_;
  bytes_ += bytes.size();
  if ((flags & fragment_last) == 0) return std::nullopt;
  Whole whole{kind, std::move(found->message)};
  bytes_ -= whole.message.size();
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
