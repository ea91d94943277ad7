// What the facts say of functions, as values: for `whorl explain --json` and for the page.
//
// Thread:   any.
#pragma once

#include <whorl/facts/verdict.h>
#include <whorl/jobs/value.h>

namespace whorl {

// {symbol, found, known_as, places, blocking, thread, process_effects, replacement, evidence, disagreement, candidates,
// definitive, look_at}
value to_value(const facts::verdict& given);

}  // namespace whorl
