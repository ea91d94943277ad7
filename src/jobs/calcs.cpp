#include <whorl/jobs/calcs.h>

namespace whorl {

calc_registry standard_calcs() {
  calc_registry offered;
  offered.add(units_convert());
  offered.add(units_convert_table());
  offered.add(stats_bootstrap());
  return offered;
}

}  // namespace whorl
