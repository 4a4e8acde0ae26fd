#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "corps/detail/each.hpp"
#include "corps/detail/runtime.hpp"
#include "corps/detail/thrown.hpp"

namespace corps::detail {

ErrorInfo about_item(ErrorInfo info, std::size_t item, std::size_t of) {
  info.text = fmt::format("item {} of {}: {}", item, of, info.text);
  return info;
}

void nobody_to_call() { throw std::invalid_argument{"corps: there are items, but no Worker to call with them"}; }

void nothing_to_reduce() { throw std::invalid_argument{"corps: there is nothing to reduce; put a neutral item in front"}; }

void throw_as_it_is(ErrorInfo info) { throw NotRun{std::move(info)}; }

std::size_t calls_out_max(std::size_t workers, std::uint32_t window, std::size_t items) noexcept {
  auto const all = workers * std::max<std::size_t>(window, 1);
  return std::min({all, items, std::max<std::size_t>(env_facts.open_calls_max / 2, 1)});
}

}  // namespace corps::detail
