#include "corps/detail/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

namespace corps::detail {
namespace {

constinit std::atomic<MethodRecord const*> registered{nullptr};

using Table = std::vector<MethodRecord const*>;  // in the order of the hashes

Table sorted() {
  Table table;
  for (auto const* record = registered.load(std::memory_order_acquire); record != nullptr; record = record->next_registered)
    table.push_back(record);
  std::ranges::sort(table, {}, [](MethodRecord const* record) { return record->id.hash; });
  return table;
}

/// The table as it was when it was last looked at. Old ones are kept: a reader may still be in them, and there are as
/// many as libraries were loaded.
class Index {
 public:
  Table const& get() {
    auto const* newest = registered.load(std::memory_order_acquire);
    auto const* view = view_.load(std::memory_order_acquire);
    if (view != nullptr && view->newest == newest) return view->table;
    std::lock_guard const lock{mutex_};
    views_.push_back(std::make_unique<View>(View{newest, sorted()}));
    view_.store(views_.back().get(), std::memory_order_release);
    return views_.back()->table;
  }

 private:
  struct View {
    MethodRecord const* newest;
    Table table;
  };
  std::atomic<View const*> view_{nullptr};
  std::mutex mutex_;
  std::vector<std::unique_ptr<View>> views_;
};

Index& index() {
  static Index instance;
  return instance;
}

}  // namespace

void register_method(MethodRecord& record) noexcept {
  record.next_registered = registered.load(std::memory_order_relaxed);
  while (!registered.compare_exchange_weak(record.next_registered, &record, std::memory_order_acq_rel)) {
  }
}

MethodRecord const* find_method(std::uint64_t hash) noexcept {
  auto const& table = index().get();
  auto const found = std::ranges::lower_bound(table, hash, {}, [](MethodRecord const* record) { return record->id.hash; });
  return found != table.end() && (*found)->id.hash == hash ? *found : nullptr;
}

std::vector<std::string_view> find_signatures(std::string_view class_name, std::string_view method_name, std::size_t count_max) {
  std::vector<std::string_view> signatures;
  for (auto const* const record : index().get()) {
    if (signatures.size() == count_max) break;
    if (record->id.class_name == class_name && record->id.method_name == method_name) signatures.push_back(record->id.signature);
  }
  return signatures;
}

std::string method_clash() {
  auto const& table = index().get();
  auto const clash = std::ranges::adjacent_find(table, [](MethodRecord const* one, MethodRecord const* other) {
    return one->id.hash == other->id.hash && one->id != other->id;
  });
  if (clash == table.end()) return {};
  auto const text = [](MethodId const& id) { return fmt::format("{}::{} {}", id.class_name, id.method_name, id.signature); };
  return fmt::format("two methods have one identity ({:016x}): {} and {}; rename one of them", (*clash)->id.hash,
                     text((*clash)->id), text((*std::next(clash))->id));
}

std::string readable(MethodRecord const& record) {
  if (record.id.class_name.empty()) return std::string{record.id.method_name};
  return fmt::format("{}::{}", record.id.class_name, record.id.method_name);
}

}  // namespace corps::detail
