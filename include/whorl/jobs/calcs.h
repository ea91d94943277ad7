// The calculations that whorl brings along:
//
//   units.convert         numbers from one unit to another; where, is the caller's choice
//   units.convert_table   columns of a table
//   stats.bootstrap       the mean of a column, and how sure one can be of it
//   exec.run              a program of the server's list, in a child process
//
// Each is a coroutine on the loop that sends its parts to the places that they belong in.
#pragma once

#include <whorl/jobs/calc.h>

namespace whorl {

// In the lane of the unit system; with place_kind::pool, where the lane makes only the converter; or, with
// place_kind::process, in a worker process, which a unit's text can end without harm to others.
// Fails: throws misuse for the loop.
calc units_convert(place_kind where = place_kind::lane);
calc units_convert_table();
calc stats_bootstrap();
calc exec_run();

// All of them.
calc_registry standard_calcs(place_kind of_units = place_kind::lane);

}  // namespace whorl
