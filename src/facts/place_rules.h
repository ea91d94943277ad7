// From what is known of a function to the places it may run in: one rule for each class of blocking, of threads, and for
// each effect on the process. A place's verdict is the strictest of the rules that apply to it.
#pragma once

#include <whorl/facts/verdict.h>

#include <array>
#include <string>

namespace whorl::facts {

using place_verdicts = std::array<place_verdict, every_place.size()>;

// Of a verdict whose facts are filled in.
place_verdicts places_of(const verdict& given);

place_verdicts places_of_the_unknown();

// The condition under which it does not keep a loop waiting, of the record or of its class; "" if there is none.
std::string does_not_wait_if(const fact& known);

}  // namespace whorl::facts
