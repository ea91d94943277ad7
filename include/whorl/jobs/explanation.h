// What the facts say of functions, as values: for `whorl explain --json` and for the page.
//
// Thread:   any.
#pragma once

#include <whorl/facts/verdict.h>
#include <whorl/jobs/value.h>

#include <string>
#include <string_view>

namespace whorl {

// {symbol, found, known_as, places, blocking, thread, process_effects, replacement, evidence, disagreement, candidates,
// definitive, look_at}
value to_value(const facts::verdict& given);

// Why something that calls the function runs in the place: its record's verdict, and the evidence that speaks of the place
// or else is best.
// Fails: throws misuse if there is no record, or if it does not allow the place.
std::string reason_from_facts(std::string_view symbol, facts::place where);

}  // namespace whorl
