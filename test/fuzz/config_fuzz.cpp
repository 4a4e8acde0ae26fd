// Any bytes as a config file, as an option and as an environment variable: a configuration, or a ConfigError of one line.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "corps/error.hpp"
#include "env/boot/internal/layers.hpp"

namespace {

constexpr std::string_view file = "fuzz.toml";

/// Runs the action; false if its error is not of the promised form.
template <class Action>
bool holds(std::string_view place, Action const& action) {
  try {
    action();
    return true;
  } catch (corps::ConfigError const& error) {
    auto const& text = error.text();
    return text.starts_with(place) && text.find_first_of(std::string_view{"\n\0", 2}) == std::string::npos && text.size() < 2'000;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const bytes{reinterpret_cast<char const*>(data), size};
  bool const file_holds = holds(file, [&] {
    corps::startup::Layers layers;
    layers.add_text(bytes, std::string{file});
    auto const loaded = layers.finish("program", {});
    corps::startup::render_config(loaded, true);
    corps::startup::render_config(loaded, false);
  });
  bool const option_holds = holds("", [&] {
    corps::startup::Layers layers;
    layers.add_option({bytes, "--set"});
    layers.finish("program", {});
  });
  bool const variable_holds = holds("CORPS_", [&] {
    corps::startup::Layers layers;
    layers.add_environment({"CORPS_" + bytes});
    layers.finish("program", {});
  });
  if (!file_holds || !option_holds || !variable_holds) std::abort();
  return 0;
}
