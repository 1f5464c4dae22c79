"""cbauth's tests. They mirror the rooms of the package and enter through its public doors."""
