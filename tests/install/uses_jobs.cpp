// A program outside the tree that uses whorl::jobs: it converts 100 degrees Celsius to Fahrenheit.
#include <whorl/jobs/unit_system.h>

#include <cmath>
#include <cstdio>

int main() {
  whorl::unit_system units;
  auto converter = units.make_converter("degC", "degF");
  if (!converter) return 1;
  double boiling = (*converter)->convert(100.0);
  std::printf("whorl::jobs says %.1f\n", boiling);
  return std::abs(boiling - 212.0) < 1e-9 ? 0 : 1;
}
