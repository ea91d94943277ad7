#include <whorl/jobs/calcs.h>

namespace whorl {

calc_registry standard_calcs(place_kind of_units) {
  calc_registry offered;
  offered.add(units_convert(of_units));
  offered.add(units_convert_table());
  offered.add(stats_bootstrap());
  offered.add(exec_run());
  return offered;
}

}  // namespace whorl
