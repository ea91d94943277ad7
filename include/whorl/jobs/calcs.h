// The calculations that whorl brings along:
//
//   units.convert         numbers from one unit to another
//   units.convert_table   columns of a table
//   stats.bootstrap       the mean of a column, and how sure one can be of it
//
// Each is a coroutine on the loop that sends its parts to the places that they belong in.
#pragma once

#include <whorl/jobs/calc.h>

namespace whorl {

calc units_convert();
calc units_convert_table();
calc stats_bootstrap();

// All of them.
calc_registry standard_calcs();

}  // namespace whorl
