using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// C [M, N] += A^T B over the rows of A [R, M] and B [R, N]: sums over many rows, each of which adds to all of C. A task owns a block of
/// C; per chunk of rows it packs its columns of both factors into panels and adds the chunk's product. When C has few blocks, the rows
/// are cut too, every part sums into a C of its own, and <see cref="PartialSumsJob{V, O}"/> adds those.
/// </summary>
/// <remarks>
/// The order of an element's sum is given by chunks and parts, and these by R, M and N alone; the number of threads only changes which
/// blocks C is cut into.
/// </remarks>
internal sealed unsafe class ColumnGemmJob<V, O>(Workspace workspace) : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Chunk = 256;          // rows: a panel of A then fills a third of the first-level cache
    private const int MostM = 216, MostN = 256; // both packed chunks and the block of C fill three quarters of the second-level cache
    private const int LeastPart = 2048;     // rows: adding up the parts then costs a few per cent
    private const int EnoughTasks = 64;     // for rows to be cut: independent of the number of threads, or the sums would not be
    private const int TasksPerThread = 4;
    private const long SmallestTask = 1 << 21; // multiply-adds, some tens of µs
    private const int Stagger = 16;         // a cache line between panels, which would all start in the same cache set

    private float* a, b, c;
    private int R, M, N, blockM, blockN, blocksN, blocks, chunksPerPart;
    private nint partStride;

    private static int MR => MicroKernels<V, O>.MaxRows;

    private static int NR => MicroKernels<V, O>.Columns;

    private static int PanelA => Chunk * MR + Stagger;

    private static int PanelB => Chunk * NR + Stagger;

    /// <summary>Parts that the rows are cut into. With more than one, <see cref="Target"/> is not C.</summary>
    public int Parts { get; private set; }

    /// <summary>Distance of the parts' matrices.</summary>
    public nint PartStride => partStride;

    /// <summary>C, which is added to; or room for <see cref="Parts"/> matrices, which are overwritten.</summary>
    public float* Target { set => c = value; }

    /// <summary>Takes the arguments of one call, but for the target.</summary>
    public void Set(float* left, float* right, int rows, int m, int n, int threads)
    {
        a = left;
        b = right;
        (R, M, N) = (rows, m, n);
        int blocksM = Blocks(M, MostM), chunks = Blocks(R, Chunk);
        blocksN = Blocks(N, MostN);
        int parts = Math.Clamp(Blocks(EnoughTasks, blocksM * blocksN), 1, Math.Max(1, R / LeastPart));
        chunksPerPart = Blocks(chunks, parts);
        Parts = Blocks(chunks, chunksPerPart);
        partStride = ((nint)M * N + 15) / 16 * 16 + Stagger;

        // Reading and writing C costs about as much as sixteen terms of its sums.
        long work = (long)Math.Max(R, 16) * M * N;
        int wanted = threads == 1 ? 1 : (int)Math.Clamp(work / SmallestTask, 1, TasksPerThread * threads);
        int missing = Blocks(wanted, blocksM * blocksN * Parts);
        if (missing > 1) // smaller blocks, but of at least four tiles, so that what is packed is used
            blocksM = Math.Max(blocksM, Math.Min(missing * blocksM, Blocks(M, 4 * MR)));
        blockM = Even(M, blocksM, MR);
        blockN = Even(N, blocksN, NR);
        blocksN = Blocks(N, blockN);
        blocks = Blocks(M, blockM) * blocksN;
        Tasks = Parts * blocks;
        workspace.Reserve((long)blockM / MR * PanelA + (long)blockN / NR * PanelB);
    }

    /// <inheritdoc/>
    public override void Run(int task, int worker)
    {
        int part = task / blocks, m = task % blocks / blocksN * blockM, n = task % blocksN * blockN;
        int height = Math.Min(blockM, M - m), width = Math.Min(blockN, N - n);
        int first = part * chunksPerPart * Chunk, end = Math.Min(R, first + chunksPerPart * Chunk);
        float* panelsA = workspace.Of(worker), panelsB = panelsA + blockM / MR * PanelA, target = c + part * partStride + (nint)m * N + n;
        for (int row = first; row < end; row += Chunk)
        {
            int depth = Math.Min(Chunk, end - row);
            PackA(a + (nint)row * M + m, depth, height, panelsA);
            PackB(b + (nint)row * N + n, depth, width, panelsB);
            bool add = Parts == 1 || row > first;
            float* panelB = panelsB;
            for (int j = 0; j < width; j += NR, panelB += PanelB)
                if (width - j >= NR)
                    Panel(panelsA, height, panelB, depth, target + j, add);
                else
                    PartialPanel(panelsA, height, panelB, depth, target + j, width - j, add);
        }
    }

    private static int Blocks(int extent, int most) => (extent + most - 1) / most;

    /// <summary>The extent of a block when so many share the whole evenly in units.</summary>
    private static int Even(int extent, int blocks, int unit) => Blocks(Blocks(extent, blocks), unit) * unit;

    /// <summary>Rows are read once from left to right; what the last panel reads beyond them is never used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackA(float* rows, int depth, int columns, float* panels)
    {
        int height = MR, distance = PanelA; // not inlined
        for (int k = 0; k < depth; k++, rows += M, panels += height)
        {
            float* panel = panels;
            for (int column = 0; column < columns; column += height, panel += distance)
                for (int i = 0; i < height; i += 4) // may spill over into the panel's next row, which is written after it
                    Vector128.Load(rows + column + i).Store(panel + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackB(float* rows, int depth, int columns, float* panels)
    {
        int distance = PanelB;
        for (int k = 0; k < depth; k++, rows += N, panels += 2 * O.N)
        {
            float* panel = panels;
            for (int column = 0; column < columns; column += 2 * O.N, panel += distance)
            {
                O.Store(O.Load(rows + column), panel);
                O.Store(O.Load(rows + column + O.N), panel + O.N);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Panel(float* panelsA, int rows, float* panelB, int depth, float* target, bool add)
    {
        for (; rows > 0; rows -= MR, panelsA += PanelA)
            for (int i = 0, left = Math.Min(rows, MR); left > 0;)
            {
                int done = ColumnKernels<V, O>.Tile(left, depth, panelsA + i, MR, panelB, target, N, add);
                i += done;
                left -= done;
                target += (nint)done * N;
            }
    }

    /// <summary>Columns at the end that do not fill a panel: tiles are computed aside, and only the columns that exist are copied.</summary>
    [SkipLocalsInit]
    private void PartialPanel(float* panelsA, int rows, float* panelB, int depth, float* target, int columns, bool add)
    {
        float* tile = stackalloc float[MR * NR];
        for (; rows > 0; rows -= MR, panelsA += PanelA)
            for (int i = 0, left = Math.Min(rows, MR); left > 0;)
            {
                int done = ColumnKernels<V, O>.Tile(left, depth, panelsA + i, MR, panelB, tile, NR, add: false);
                for (int r = 0; r < done; r++, target += N)
                    for (int column = 0; column < columns; column++)
                        target[column] = add ? tile[r * NR + column] + target[column] : tile[r * NR + column];
                i += done;
                left -= done;
            }
    }
}
