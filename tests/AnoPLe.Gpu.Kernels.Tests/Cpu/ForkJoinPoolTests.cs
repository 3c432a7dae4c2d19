using System.Diagnostics;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>The pool under the CPU backend: every task once, exceptions to the caller, idle threads asleep, a clean end.</summary>
public sealed class ForkJoinPoolTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(7)]
    public void Every_task_runs_once_and_is_seen_by_the_caller(int threads)
    {
        using var pool = new ForkJoinPool(threads);
        for (int round = 0; round < 2000; round++)
        {
            var job = new CountingJob(tasks: round % 37);
            pool.Run(job);
            Assert.All(job.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void Workers_that_fell_asleep_wake_up()
    {
        using var pool = new ForkJoinPool(3);
        for (int round = 0; round < 40; round++)
        {
            Thread.Sleep(round % 4); // around the time after which a worker stops spinning
            var job = new CountingJob(tasks: 8);
            pool.Run(job);
            Assert.All(job.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Theory, InlineData(1), InlineData(4)]
    public void An_exception_reaches_the_caller_and_the_pool_goes_on(int threads)
    {
        using var pool = new ForkJoinPool(threads);
        for (int round = 0; round < 200; round++)
        {
            var failure = Assert.Throws<InvalidTimeZoneException>(() => pool.Run(new CountingJob(tasks: 50, failAt: round % 50)));
            Assert.Equal($"task {round % 50}", failure.Message);
            var next = new CountingJob(tasks: 20);
            pool.Run(next);
            Assert.All(next.Runs, runs => Assert.Equal(1, runs));
        }
    }

    [Fact]
    public void Several_failing_tasks_leave_nothing_behind()
    {
        using var pool = new ForkJoinPool(4);
        for (int round = 0; round < 200; round++)
        {
            Assert.Throws<InvalidTimeZoneException>(() => pool.Run(new CountingJob(tasks: 50, failAt: -1)));
            pool.Run(new CountingJob(tasks: 20));
        }
    }

    [Fact]
    public void An_idle_pool_uses_no_processor_time()
    {
        using var pool = new ForkJoinPool(9);
        pool.Run(new CountingJob(tasks: 100));
        Thread.Sleep(50);
        var least = TimeSpan.MaxValue;
        for (int attempt = 0; attempt < 5 && least.TotalMilliseconds > 20; attempt++)
        {
            var before = Process.GetCurrentProcess().TotalProcessorTime;
            Thread.Sleep(100);
            var used = Process.GetCurrentProcess().TotalProcessorTime - before;
            least = used < least ? used : least;
        }
        // Eight spinning workers would use 100 ms on one core and up to 800 on eight.
        Assert.True(least.TotalMilliseconds <= 20, $"{least.TotalMilliseconds} ms of processor time in 100 idle ms.");
    }

    [Fact]
    public void Pools_side_by_side_do_not_disturb_each_other()
    {
        Parallel.For(0, 4, _ =>
        {
            using var pool = new ForkJoinPool(3);
            for (int round = 0; round < 500; round++)
            {
                var job = new CountingJob(tasks: 9);
                pool.Run(job);
                Assert.All(job.Runs, runs => Assert.Equal(1, runs));
            }
        });
    }

    [Fact]
    public void Pools_used_at_once_share_the_processors()
    {
        int size = Math.Max(3, Environment.ProcessorCount);
        var meter = new Meter();
        Parallel.For(0, 3, new ParallelOptions { MaxDegreeOfParallelism = 3 }, _ =>
        {
            using var pool = new ForkJoinPool(size);
            for (int round = 0; round < 15; round++)
                pool.Run(new MeteredJob(4 * size, meter));
        });
        // A caller never waits, so for the length of a task there may be one too many for each further caller. Without sharing: 3 * size.
        Assert.InRange(meter.Most, 1, size + 2);
    }

    [Fact]
    public void A_pool_alone_uses_all_its_threads_also_after_a_failure()
    {
        using var pool = new ForkJoinPool(5);
        for (int round = 0; round < 20; round++)
            Assert.Throws<InvalidTimeZoneException>(() => pool.Run(new CountingJob(tasks: round % 2 == 0 ? 1 : 50, failAt: -1)));
        var meter = new Meter();
        for (int round = 0; round < 20 && meter.Most < 5; round++)
            pool.Run(new MeteredJob(40, meter));
        Assert.Equal(5, meter.Most); // places that a failure had not given back would be missing here
    }

    [Fact]
    public void A_disposed_backend_refuses_work_and_ends_its_threads()
    {
        int before = Process.GetCurrentProcess().Threads.Count;
        for (int i = 0; i < 20; i++)
        {
            var backend = new CpuBackend(threads: 5);
            using var x = backend.Upload("x", new(2, 3), new float[6]);
            backend.L2Normalize.Forward(x, x);
            backend.Dispose();
            backend.Dispose();
            Assert.Throws<ObjectDisposedException>(() => backend.L2Normalize.Forward(x, x));
        }
        Assert.InRange(Process.GetCurrentProcess().Threads.Count, 0, before + 40); // 80 had they stayed
    }

    [Theory, InlineData(-1), InlineData(CpuBackend.MaxThreads + 1)]
    public void A_senseless_number_of_threads_is_refused(int threads)
    {
        var refused = Assert.Throws<ArgumentException>(() => new CpuBackend(threads));
        Assert.Contains($"{threads} threads", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The largest number of tasks that ran at once.</summary>
    private sealed class Meter
    {
        private readonly Lock gate = new();
        private int running;

        public int Most { get; private set; }

        public void Measure(Action work)
        {
            lock (gate)
                Most = Math.Max(Most, ++running);
            work();
            lock (gate)
                running--;
        }
    }

    private sealed class MeteredJob : Job
    {
        private readonly Meter meter;

        public MeteredJob(int tasks, Meter meter)
        {
            Tasks = tasks;
            this.meter = meter;
        }

        public override void Run(int task, int worker) => meter.Measure(() => Thread.Sleep(1));
    }

    /// <summary>Counts the runs of every task; throws in task failAt, or in every one when that is -1.</summary>
    private sealed class CountingJob : Job
    {
        private readonly int? failAt;

        public CountingJob(int tasks, int? failAt = null)
        {
            Tasks = tasks;
            this.failAt = failAt;
            Runs = new int[tasks];
        }

        public int[] Runs { get; }

        public override void Run(int task, int worker)
        {
            Runs[task]++; // not interlocked: only one thread may ever come here
            if (failAt == task || failAt == -1)
                throw new InvalidTimeZoneException($"task {task}");
        }
    }
}
