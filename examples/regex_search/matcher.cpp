#include "matcher.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "line_pattern.hpp"

namespace regex_search {
namespace {

constexpr std::size_t jit_stack_bytes_start = std::size_t{32} << 10;

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};

using Code = std::unique_ptr<pcre2_code, Free<pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>>;
using CompileContext = std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack_free>>;

PCRE2_SPTR bytes_of(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::string error_text(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<char const*>(text.data());
}

std::string limit_text(int code) {
  switch (code) {
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT: return "the pattern tries too many ways to match a line; make its repetitions less ambiguous";
    case PCRE2_ERROR_JIT_STACKLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_NOMEMORY: return "the pattern needs more than 8 MiB of stack on a line; make its repetitions less ambiguous";
    default: return "matching failed: " + error_text(code);
  }
}

template <typename T>
T must(T object) {
  if (!object) throw std::bad_alloc();
  return object;
}

/// A compiled pattern, with the code that PCRE2 generated for it where it could.
struct Program {
  Code code;
  bool jit = false;

  explicit operator bool() const { return code != nullptr; }
};

}  // namespace

struct Matcher::Impl {
  Program line;        // the pattern as given, for one line
  Program many_lines;  // the same answers over many lines at once; none for some patterns
  MatchData data;
  MatchContext context;
  JitStack stack;

  Program compile(std::string_view pattern, std::uint32_t flags) const {
    CompileContext const settings(must(pcre2_compile_context_create(nullptr)));
    pcre2_set_newline(settings.get(), PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    Program program;
    program.code.reset(pcre2_compile(bytes_of(pattern), pattern.size(), flags | PCRE2_NEVER_UTF | PCRE2_DOLLAR_ENDONLY, &error,
                                     &offset, settings.get()));
    if (!program.code) {
      throw PatternError("pattern is wrong at byte " + std::to_string(offset) + ": " + error_text(error));
    }
    program.jit = pcre2_jit_compile(program.code.get(), PCRE2_JIT_COMPLETE) == 0;
    return program;
  }

  /// The number PCRE2 gives back: positive is a match, PCRE2_ERROR_NOMATCH none, any other an error.
  int match(Program const& program, std::string_view text, std::size_t from) {
    return program.jit ? pcre2_jit_match(program.code.get(), bytes_of(text), text.size(), from, 0, data.get(), context.get())
                       : pcre2_match(program.code.get(), bytes_of(text), text.size(), from, 0, data.get(), context.get());
  }
};

namespace {

std::size_t line_begin(std::string_view text, std::size_t at) {
  void const* newline = memrchr(text.data(), '\n', at);
  return newline == nullptr ? 0 : static_cast<std::size_t>(static_cast<char const*>(newline) - text.data()) + 1;
}

std::size_t line_end(std::string_view text, std::size_t at) {
  void const* newline = std::memchr(text.data() + at, '\n', text.size() - at);
  return newline == nullptr ? text.size() : static_cast<std::size_t>(static_cast<char const*>(newline) - text.data());
}

}  // namespace

Matcher::Matcher(std::string_view pattern) : impl_(std::make_unique<Impl>()) {
  if (pattern.size() > pattern_bytes_max) {
    throw PatternError("pattern has " + std::to_string(pattern.size()) + " bytes; the limit is " +
                       std::to_string(pattern_bytes_max));
  }
  if (auto const newline = pattern.find('\n'); newline != std::string_view::npos) {
    throw PatternError("pattern has a newline at byte " + std::to_string(newline) +
                       "; it is matched line by line, so give one pattern without newlines");
  }
  impl_->line = impl_->compile(pattern, 0);
  if (auto const form = many_lines_form(pattern)) {
    impl_->many_lines = impl_->compile(*form, PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX);
  }
  impl_->data.reset(must(pcre2_match_data_create_from_pattern(impl_->line.code.get(), nullptr)));
  impl_->context.reset(must(pcre2_match_context_create(nullptr)));
  pcre2_set_heap_limit(impl_->context.get(), matcher_stack_bytes_max >> 10);
  impl_->stack.reset(pcre2_jit_stack_create(jit_stack_bytes_start, matcher_stack_bytes_max, nullptr));
  if (impl_->stack) pcre2_jit_stack_assign(impl_->context.get(), nullptr, impl_->stack.get());
}

Matcher::~Matcher() = default;
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;

std::optional<Matcher::Line> Matcher::next(std::string_view text, std::size_t from) {
  if (text.data() == nullptr) text = "";
  if (impl_->many_lines) {
    int const result = impl_->match(impl_->many_lines, text, from);
    if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (result > 0) {
      std::size_t const at = pcre2_get_ovector_pointer(impl_->data.get())[0];
      return Line{line_begin(text, at), line_end(text, at)};
    }
    impl_->many_lines = {};  // a limit, perhaps only because the text is long: from now on each line by itself decides
  }
  for (;;) {
    std::size_t const end = line_end(text, from);
    int const result = impl_->match(impl_->line, text.substr(from, end - from), 0);
    if (result > 0) return Line{from, end};
    if (result != PCRE2_ERROR_NOMATCH) throw MatchError(limit_text(result));
    if (end == text.size()) return std::nullopt;
    from = end + 1;
  }
}

}  // namespace regex_search
