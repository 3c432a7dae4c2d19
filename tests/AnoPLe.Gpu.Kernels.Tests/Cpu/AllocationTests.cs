using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>After its first calls, an operation of the CPU backend allocates no managed memory on any thread.</summary>
public sealed class AllocationTests
{
    private const int Calls = 20, Rounds = 8;

    [Fact, Trait("Backend", "cpu")]
    public void Steady_calls_allocate_nothing()
    {
        foreach (var operation in OperationCase.All)
        {
            using var bench = new Workbench("cpu");
            var (call, _) = operation.Prepare(bench);
            for (int i = 0; i < 5; i++)
                call();
            // The test runner's own threads may allocate meanwhile, so the quietest round counts: an operation that allocates does so in each.
            long own = long.MaxValue, all = long.MaxValue;
            for (int round = 0; round < Rounds && (own > 0 || all > 0); round++)
            {
                long ownBefore = GC.GetAllocatedBytesForCurrentThread(), allBefore = GC.GetTotalAllocatedBytes(precise: true);
                for (int i = 0; i < Calls; i++)
                    call();
                all = Math.Min(all, GC.GetTotalAllocatedBytes(precise: true) - allBefore);
                own = Math.Min(own, GC.GetAllocatedBytesForCurrentThread() - ownBefore);
            }
            Assert.True(own == 0 && all == 0, $"{Calls} calls of {operation.Name} allocated {own} bytes on the caller's thread, {all} on all threads.");
        }
    }
}
