#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace corps {

namespace detail {

enum class ConfigKind : std::uint8_t { boolean, integer, real, text };

/// One key of the application, in a form that travels between processes.
struct ConfigItem {
  std::string key;  // below corps.args, dotted
  ConfigKind kind = ConfigKind::text;
  bool is_list = false;
  std::vector<std::string> values;  // each as its shortest text; exactly one unless it is a list
  std::string written;              // as typed, if it came from the environment or an option; else empty
  std::string source;               // "app.toml:7", "CORPS_ARGS_ROOT", "--set"
};

struct ConfigData {
  std::string tag;
  std::string origin;  // where keys would be looked for, for messages
  std::vector<std::string> arguments;
  std::vector<ConfigItem> items;
};

template <class T>
inline constexpr bool is_config_integer =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> && sizeof(T) <= 8;

template <class T>
inline constexpr bool is_config_value =
    is_config_integer<T> || std::is_same_v<T, bool> || std::is_same_v<T, double> || std::is_same_v<T, std::string> ||
    std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<std::int64_t>>;

}  // namespace detail

/// What an application sees of its configuration: the free table `corps.args`, its arguments, and its tag.
/// Threads: immutable and shared; copies are cheap and may be read by any thread.
class Config {
 public:
  Config();
  explicit Config(detail::ConfigData data);

  /// The value of `corps.args.<key>`; `key` may be dotted: "searcher.depth". T is bool, an integer, double, std::string,
  /// std::vector<std::string> or std::vector<std::int64_t>. Fails with ConfigError, naming the key and its file and line, if it
  /// is missing, of another type, or does not fit into T.
  template <class T>
  T get(std::string_view key) const {
    return as<T>(need(key));
  }

  /// As above, but a missing key is `fallback`. A wrong one still is an error.
  template <class T>
  T get(std::string_view key, T fallback) const {
    auto const* item = find(key);
    return item == nullptr ? std::move(fallback) : as<T>(*item);
  }

  bool has(std::string_view key) const noexcept { return find(key) != nullptr; }

  /// The tag of the Corps.
  std::string const& tag() const noexcept { return data_->tag; }

  /// What the command line leaves to the application: positional arguments and everything behind `--`, in order.
  std::vector<std::string> const& arguments() const noexcept { return data_->arguments; }

  template <class Archive>
  void save(Archive& archive) const {
    archive(*data_);
  }

  template <class Archive>
  void load(Archive& archive) {
    detail::ConfigData data;
    archive(data);
    *this = Config{std::move(data)};
  }

  detail::ConfigData const& data() const noexcept { return *data_; }

 private:
  detail::ConfigItem const* find(std::string_view key) const noexcept;
  detail::ConfigItem const& need(std::string_view key) const;

  static bool as_bool(detail::ConfigItem const& item);
  static std::int64_t as_integer(detail::ConfigItem const& item, std::int64_t min, std::int64_t max);
  static double as_double(detail::ConfigItem const& item);
  static std::string as_text(detail::ConfigItem const& item);
  static std::vector<std::string> as_texts(detail::ConfigItem const& item);
  static std::vector<std::int64_t> as_integers(detail::ConfigItem const& item);

  template <class T>
  static T as(detail::ConfigItem const& item) {
    static_assert(detail::is_config_value<T>,
                  "Config::get<T>: T must be bool, an integer, double, std::string, std::vector<std::string> or "
                  "std::vector<std::int64_t>");
    if constexpr (std::is_same_v<T, bool>) {
      return as_bool(item);
    } else if constexpr (detail::is_config_integer<T>) {
      // Integers of a config file end at 2^63 - 1, whatever T could hold.
      constexpr std::int64_t max =
          sizeof(T) == 8 ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(std::numeric_limits<T>::max());
      return static_cast<T>(as_integer(item, static_cast<std::int64_t>(std::numeric_limits<T>::min()), max));
    } else if constexpr (std::is_same_v<T, double>) {
      return as_double(item);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return as_text(item);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      return as_texts(item);
    } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
      return as_integers(item);
    }
  }

  std::shared_ptr<detail::ConfigData const> data_;
};

}  // namespace corps
