#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace regex_search {

/// Rewrites a pattern that is meant for single lines so that it gives the same answers when it is matched over many lines at
/// once, which is several times faster than one call a line.
///
/// The answers are the same because nothing in the result can match a newline (`\s` becomes `[^\S\n]`, `[^x]` becomes `[^x\n]`),
/// so no match, and no look-around, reaches into a neighbour line; and because the ends of a line look the same as the ends of
/// the text: `^` `$` under PCRE2_MULTILINE and PCRE2_ALT_CIRCUMFLEX, `\A` `\z` `\Z` written as these, and a newline is no word
/// character for `\b`.
///
/// Returns nothing for a pattern with a construct that is not known to keep this (`\G`, `\R`, `\p{…}`, `(*VERB)`, recursion,
/// names, conditions, extended syntax …): such a pattern is matched line by line. `pattern` must be one that PCRE2 compiles.
std::optional<std::string> many_lines_form(std::string_view pattern);

}  // namespace regex_search
