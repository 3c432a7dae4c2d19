using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Fork-join on a fixed set of threads. The caller works too, and tasks come from one shared counter, so a core that another process
/// holds just takes fewer. A worker must enter a job before it may take tasks; the caller closes the job as soon as nobody is inside,
/// so it never waits for a worker that is still asleep. Workers spin briefly after a job, because the next one usually follows at once,
/// then sleep: an idle pool costs nothing. Workers of all pools together take no more processors than there are
/// (<see cref="ComputingThreads"/>). No call allocates.
/// </summary>
internal sealed class ForkJoinPool : IDisposable
{
    private const int Closed = -1;
    private const int SpinMicroseconds = 200;
    private const int CacheLine = 16; // ints in 64 bytes: flags of different workers do not share a line

    /// <summary>What all threads write, two cache lines apart (processors fetch lines in pairs).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 512)]
    private struct Shared
    {
        /// <summary>Next task to take.</summary>
        [FieldOffset(128)] public int Next;

        /// <summary>Counts jobs; a change is the signal to wake up.</summary>
        [FieldOffset(256)] public int Epoch;

        /// <summary>Workers inside the job, or <see cref="Closed"/>.</summary>
        [FieldOffset(384)] public int Inside;
    }

    private readonly Thread[] threads;
    private readonly SemaphoreSlim[] wake;
    private readonly int[] asleep;
    private readonly int limit;
    private Shared shared = new() { Inside = Closed };
    private Job? job;
    private int tasks;
    private ExceptionDispatchInfo? failure;
    private volatile bool stopping;

    /// <summary>Starts size - 1 threads.</summary>
    public ForkJoinPool(int size)
    {
        Size = size;
        limit = Math.Max(size, Environment.ProcessorCount); // who asks for more threads than processors gets them
        threads = new Thread[size - 1];
        wake = new SemaphoreSlim[size - 1];
        asleep = new int[CacheLine * size];
        for (int i = 0; i < threads.Length; i++)
        {
            int worker = i + 1;
            wake[i] = new SemaphoreSlim(0);
            threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"AnoPLe compute {worker}" };
            threads[i].Start();
        }
    }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Size { get; }

    /// <summary>Does all tasks of a job and returns when they are done. One caller at a time.</summary>
    /// <exception cref="Exception">What the first failing task threw; tasks not yet begun are dropped.</exception>
    public void Run(Job work)
    {
        ObjectDisposedException.ThrowIf(stopping, this);
        ComputingThreads.Enter();
        try
        {
            if (threads.Length == 0 || work.Tasks <= 1)
            {
                for (int task = 0; task < work.Tasks; task++)
                    work.Run(task, worker: 0);
                return;
            }
            Open(work);
            TakeTasks(work, work.Tasks, worker: 0);
            Close();
        }
        finally
        {
            ComputingThreads.Leave();
        }
        if (Interlocked.Exchange(ref failure, null) is { } failed)
            failed.Throw();
    }

    private void Open(Job work)
    {
        job = work;
        tasks = work.Tasks;
        shared.Next = 0;
        Volatile.Write(ref shared.Inside, 0);
        Interlocked.Increment(ref shared.Epoch);
        int useful = Math.Min(threads.Length, work.Tasks - 1);
        for (int i = 0; i < useful && ComputingThreads.HasRoom(limit); i++)
            if (Volatile.Read(ref asleep[CacheLine * i]) == 1 && Interlocked.Exchange(ref asleep[CacheLine * i], 0) == 1)
                wake[i].Release();
    }

    private void Close()
    {
        for (int spin = 0; Interlocked.CompareExchange(ref shared.Inside, Closed, 0) != 0; spin++)
            if (spin < 1000)
                Thread.SpinWait(4);
            else
                Thread.Yield();
        job = null;
    }

    private void TakeTasks(Job work, int end, int worker)
    {
        try
        {
            // Between tasks a worker makes room for a caller that came after it.
            for (int task; (worker == 0 || !ComputingThreads.IsCrowded(limit)) && (task = Interlocked.Increment(ref shared.Next) - 1) < end;)
                work.Run(task, worker);
        }
        catch (Exception e) // whatever a task throws, on whatever thread, is rethrown to the caller of Run
        {
            Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref shared.Next, end);
        }
    }

    private void Work(int worker)
    {
        int seen = 0;
        bool refused = false;
        for (; WaitForJob(worker - 1, ref seen, spins: !refused); refused = !TryHelp(worker))
        {
        }
    }

    /// <summary>Takes tasks of the open job, if one is open. False when all processors are taken.</summary>
    private bool TryHelp(int worker)
    {
        if (!ComputingThreads.TryEnter(limit))
            return false;
        try
        {
            for (int inside = Volatile.Read(ref shared.Inside); inside != Closed; inside = Volatile.Read(ref shared.Inside))
                if (Interlocked.CompareExchange(ref shared.Inside, inside + 1, inside) == inside)
                {
                    // Inside, so the caller cannot change the job until we leave.
                    TakeTasks(job!, tasks, worker);
                    Interlocked.Decrement(ref shared.Inside);
                    break;
                }
            return true;
        }
        finally
        {
            ComputingThreads.Leave();
        }
    }

    /// <summary>
    /// Spins, then sleeps, until the epoch differs from the one seen last. False when the pool stops. A worker that was refused does not
    /// spin: the processor is somebody else's.
    /// </summary>
    private bool WaitForJob(int slot, ref int seen, bool spins)
    {
        long spin = spins ? SpinMicroseconds * Stopwatch.Frequency / 1_000_000 : 0, until = Stopwatch.GetTimestamp() + spin;
        int epoch;
        for (int k = 1; (epoch = Volatile.Read(ref shared.Epoch)) == seen && !stopping; k++)
        {
            Thread.SpinWait(2);
            if (k % 16 != 0 || Stopwatch.GetTimestamp() < until)
                continue;
            Interlocked.Exchange(ref asleep[CacheLine * slot], 1);
            // A job opened between our last look and the flag? Then take the flag back, or eat the permit of whoever took it.
            if ((Volatile.Read(ref shared.Epoch) == seen && !stopping) || Interlocked.Exchange(ref asleep[CacheLine * slot], 0) == 0)
                wake[slot].Wait();
            until = Stopwatch.GetTimestamp() + spin;
        }
        seen = epoch;
        return !stopping;
    }

    /// <summary>Stops the threads and waits for them. Not while a job runs.</summary>
    public void Dispose()
    {
        if (stopping)
            return;
        stopping = true;
        foreach (var semaphore in wake)
            semaphore.Release();
        foreach (var thread in threads)
            thread.Join();
        foreach (var semaphore in wake)
            semaphore.Dispose();
    }
}
