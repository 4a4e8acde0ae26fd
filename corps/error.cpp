#include "corps/error.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

#include "corps/detail/thrown.hpp"

namespace corps {
namespace {

std::string type_of(std::type_info const* type) {
  if (type == nullptr) return "unknown exception";
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> name{abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free};
  return status == 0 ? std::string{name.get()} : std::string{type->name()};
}

std::string wording(ErrorInfo const& info) {
  auto text = fmt::format("{}: ", error_name(info.code));
  if (!info.type.empty()) text += fmt::format("{}: ", info.type);
  text += info.text;
  for (auto const& call : info.chain) text += fmt::format("\n  in {}", call);
  return text;
}

}  // namespace

Error::Error(ErrorInfo info) : info_(std::move(info)), what_(wording(info_)) {}
Error::~Error() = default;

std::string_view error_name(Errc code) noexcept {
  switch (code) {
    case Errc::attribute: return "AttributeError";
    case Errc::overloaded: return "Overloaded";
    case Errc::refused: return "Refused";
    case Errc::decode: return "DecodeError";
    case Errc::config: return "ConfigError";
    case Errc::timeout: return "Timeout";
    case Errc::worker_lost: return "WorkerLost";
    case Errc::cancelled: return "Cancelled";
    case Errc::call_cycle: return "CallCycle";
    case Errc::remote: return "RemoteError";
  }
  return "unknown error";
}

void throw_error(ErrorInfo const& info) {
  switch (info.code) {
    case Errc::attribute: throw AttributeError{info};
    case Errc::overloaded: throw Overloaded{info};
    case Errc::refused: throw Refused{info};
    case Errc::decode: throw DecodeError{info};
    case Errc::config: throw ConfigError{info};
    case Errc::timeout: throw Timeout{info};
    case Errc::worker_lost: throw WorkerLost{info};
    case Errc::cancelled: throw Cancelled{info};
    case Errc::call_cycle: throw CallCycle{info};
    case Errc::remote: break;
  }
  throw RemoteError{info};
}

namespace detail {

ErrorInfo describe_thrown(std::exception_ptr const& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (NotRun const& not_run) {
    return not_run.info;
  } catch (RemoteError const& error) {
    return error.info();
  } catch (Error const& error) {
    auto info = error.info();
    return {Errc::remote, Ran::yes, std::move(info.text), fmt::format("corps::{}", error_name(info.code)), std::move(info.chain)};
  } catch (std::exception const& error) {
    return {Errc::remote, Ran::yes, error.what(), type_of(&typeid(error)), {}};
  } catch (...) {
    return {Errc::remote,
            Ran::yes,
            "it is not a std::exception, so it has no text",
            type_of(abi::__cxa_current_exception_type()),
            {}};
  }
}

}  // namespace detail
}  // namespace corps
