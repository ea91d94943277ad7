// The facts that are part of the program: every record of facts/*.facts, found by name in a sorted table.
//
// Thread:   any. Cost: a look-up is a binary search and the reading of the few records found; nothing is done at start.
#pragma once

#include <whorl/facts/fact.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::facts {

// Every record of this name, exactly as spelled.
std::vector<fact> find_facts(std::string_view name);

// The name under which there are records of what a program's symbols call something else: "read" for "__read_chk" and for
// "__GI___read@@GLIBC_2.2.5", "open" for "open64", "sin" for "sinf128". A name that has records, or for which none are
// found, is returned as it is.
std::string documented_name(std::string_view symbol);

// Names that somebody may have meant: the same name elsewhere, part of one, a slip of the pen. Best first.
std::vector<std::string_view> similar_names(std::string_view name, std::size_t most);

// Names that contain the text, whatever its case: the name itself first, then those that begin with it, then
// others; the shorter the better.
std::vector<std::string_view> names_with(std::string_view text, std::size_t most);

// Every record, in the order of the files.
std::vector<fact> all_facts();

}  // namespace whorl::facts
