// A backend is used by one thread at a time, and the tests share one of each kind.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
