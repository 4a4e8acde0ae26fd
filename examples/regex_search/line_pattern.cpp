#include "line_pattern.hpp"

#include <bitset>
#include <cctype>
#include <cstddef>

namespace regex_search {
namespace {

using ByteSet = std::bitset<256>;

constexpr char const* nothing = "[^\\x00-\\xff]";  // one byte that is never there, so that it can be repeated

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The bytes of a class escape such as \w as PCRE2 sees them without UTF: ASCII, plus two bytes of Latin-1 in \h and \v.
std::optional<ByteSet> escape_set(char c) {
  ByteSet set;
  switch (c) {
    case 'd':
    case 'D':
      for (unsigned b = '0'; b <= '9'; ++b) set.set(b);
      break;
    case 'w':
    case 'W':
      for (unsigned b = 0; b < 128; ++b) set.set(b, is_alnum(static_cast<char>(b)) || b == '_');
      break;
    case 's':
    case 'S':
      for (char space : {' ', '\t', '\n', '\v', '\f', '\r'}) set.set(byte_of(space));
      break;
    case 'h':
    case 'H': set.set(' ').set('\t').set(0xa0); break;
    case 'v':
    case 'V': set.set('\n').set('\v').set('\f').set('\r').set(0x85); break;
    default: return std::nullopt;
  }
  return c >= 'A' && c <= 'Z' ? ~set : set;
}

/// The bytes of [:name:].
std::optional<ByteSet> posix_set(std::string_view name) {
  struct Named {
    std::string_view name;
    int (*test)(int);
  };
  static constexpr Named named[] = {
      {"alpha", [](int c) { return std::isalpha(c); }},
      {"lower", [](int c) { return std::islower(c); }},
      {"upper", [](int c) { return std::isupper(c); }},
      {"alnum", [](int c) { return std::isalnum(c); }},
      {"ascii", [](int) { return 1; }},
      {"blank", [](int c) { return int{c == ' ' || c == '\t'}; }},
      {"cntrl", [](int c) { return std::iscntrl(c); }},
      {"digit", [](int c) { return std::isdigit(c); }},
      {"graph", [](int c) { return std::isgraph(c); }},
      {"print", [](int c) { return std::isprint(c); }},
      {"punct", [](int c) { return std::ispunct(c); }},
      {"space", [](int c) { return std::isspace(c); }},
      {"word", [](int c) { return int{std::isalnum(c) || c == '_'}; }},
      {"xdigit", [](int c) { return std::isxdigit(c); }},
  };
  for (Named const& entry : named) {
    if (entry.name != name) continue;
    ByteSet set;
    for (unsigned b = 0; b < 128; ++b) set.set(b, entry.test(static_cast<int>(b)) != 0);
    return set;
  }
  return std::nullopt;
}

class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : in_(pattern) {}

  std::optional<std::string> run() {
    while (at_ < in_.size()) {
      bool known = true;
      switch (in_[at_]) {
        case '\\': known = escape(); break;
        case '[': known = byte_class(); break;
        case '(': known = group(); break;
        case '\n': known = false; break;
        default: out_ += in_[at_++];
      }
      if (!known) return std::nullopt;
    }
    return std::move(out_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  bool starts_with(std::string_view text) const { return in_.substr(at_).substr(0, text.size()) == text; }

  bool put(char const* text, std::size_t consumed) {
    out_ += text;
    at_ += consumed;
    return true;
  }

  bool copy(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
    return true;
  }

  void put_byte(unsigned byte) {
    static constexpr char digits[] = "0123456789abcdef";
    out_ += "\\x";
    out_ += digits[byte >> 4];
    out_ += digits[byte & 15];
  }

  /// \xhh or \x{h…}: at_ is behind the 'x'.
  std::optional<unsigned> hex_byte() {
    bool const braces = peek() == '{';
    if (braces) ++at_;
    unsigned value = 0;
    for (int digits = 0; hex_value(peek()) >= 0 && (braces || digits < 2); ++digits, ++at_) {
      value = value * 16 + static_cast<unsigned>(hex_value(peek()));
      if (value > 255) return std::nullopt;
    }
    if (braces && peek() != '}') return std::nullopt;
    if (braces) ++at_;
    return value;
  }

  bool escape() {
    char const c = peek(1);
    if (at_ + 1 >= in_.size()) return false;
    if (!is_alnum(c)) return copy(2);
    switch (c) {
      case 'd':
      case 'w':
      case 'S':
      case 'h':
      case 'V':
      case 'b':
      case 'B':
      case 't':
      case 'r':
      case 'f':
      case 'e':
      case 'a': return copy(2);
      case 'D': return put("[^\\d\\n]", 2);
      case 'W': return put("[^\\w\\n]", 2);
      case 's': return put("[^\\S\\n]", 2);
      case 'H': return put("[^\\h\\n]", 2);
      case 'v': return put("[\\x0b-\\x0d\\x85]", 2);
      case 'n': return put(nothing, 2);
      case 'N': return peek(2) != '{' && copy(2);
      case 'A': return put("(?:^)", 2);
      case 'z':
      case 'Z': return put("(?:$)", 2);
      case 'x': {
        at_ += 2;
        auto const byte = hex_byte();
        if (!byte) return false;
        if (*byte == '\n') return put(nothing, 0);
        put_byte(*byte);
        return true;
      }
      default:  // a back reference of one digit; octal numbers and references of two are told apart by the groups around them
        return c >= '1' && c <= '9' && !is_digit(peek(2)) && copy(2);
    }
  }

  bool group() {
    if (peek(1) == '*') return false;
    if (peek(1) != '?') return copy(1);
    for (std::string_view head : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"}) {
      if (starts_with(head)) return copy(head.size());
    }
    return options();
  }

  /// (?ims-ims) and (?ims-ims:…). `s` is taken away, since `.` must not match a newline; `m` stays on.
  bool options() {
    bool on = true;
    bool caseless_on = false;
    bool caseless_off = false;
    for (at_ += 2; peek() != ')' && peek() != ':'; ++at_) {
      switch (peek()) {
        case '-':
          if (!on) return false;
          on = false;
          break;
        case 'i': (on ? caseless_on : caseless_off) = true; break;
        case 'm':
        case 's': break;
        default: return false;
      }
    }
    out_ += caseless_on ? "(?im-s" : "(?m-s";
    if (caseless_off) out_ += 'i';
    return copy(1);
  }

  struct Item {
    ByteSet set;
    unsigned byte = 0;
    bool single = false;
  };

  static Item single(unsigned byte) {
    Item item;
    item.set.set(byte);
    item.byte = byte;
    item.single = true;
    return item;
  }

  std::optional<Item> class_escape() {
    if (at_ + 1 >= in_.size()) return std::nullopt;
    char const c = peek(1);
    at_ += 2;
    if (!is_alnum(c)) return single(byte_of(c));
    if (auto const set = escape_set(c)) return Item{*set, 0, false};
    switch (c) {
      case 'b': return single('\b');
      case 'n': return single('\n');
      case 'r': return single('\r');
      case 't': return single('\t');
      case 'f': return single('\f');
      case 'e': return single(0x1b);
      case 'a': return single('\a');
      case 'x':
        if (auto const byte = hex_byte()) return single(*byte);
        return std::nullopt;
      default: return std::nullopt;
    }
  }

  std::optional<Item> class_item() {
    if (peek() == '\\') return class_escape();
    if (peek() == '[' && (peek(1) == ':' || peek(1) == '.' || peek(1) == '=')) {
      std::size_t const end = in_.find(":]", at_ + 2);
      if (peek(1) != ':' || end == std::string_view::npos) return std::nullopt;
      auto const set = posix_set(in_.substr(at_ + 2, end - at_ - 2));
      if (!set) return std::nullopt;
      at_ = end + 2;
      return Item{*set, 0, false};
    }
    return single(byte_of(in_[at_++]));
  }

  bool byte_class() {
    ++at_;
    bool const negated = peek() == '^';
    if (negated) ++at_;
    ByteSet set;
    for (bool first = true; first || peek() != ']'; first = false) {
      if (at_ >= in_.size()) return false;
      auto const low = class_item();
      if (!low) return false;
      set |= low->set;
      if (peek() != '-' || peek(1) == ']') continue;
      ++at_;
      if (!low->single || at_ >= in_.size()) return false;
      auto const high = class_item();
      if (!high || !high->single || high->byte < low->byte) return false;
      for (unsigned byte = low->byte; byte <= high->byte; ++byte) set.set(byte);
    }
    ++at_;
    set.set('\n', negated);
    put_class(set, negated);
    return true;
  }

  void put_class(ByteSet const& set, bool negated) {
    if (set.none()) {
      out_ += nothing;
      return;
    }
    out_ += negated ? "[^" : "[";
    for (unsigned low = 0; low < 256; ++low) {
      if (!set.test(low)) continue;
      unsigned high = low;
      while (high < 255 && set.test(high + 1)) ++high;
      put_byte(low);
      if (high > low) {
        out_ += '-';
        put_byte(high);
      }
      low = high;
    }
    out_ += ']';
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::optional<std::string> many_lines_form(std::string_view pattern) { return Rewriter(pattern).run(); }

}  // namespace regex_search
