namespace AnoPLe.Gpu.Compute.Resampling;

/// <summary>
/// Which input positions make up each output position of a bicubic resize, and with which fixed-point weights.
/// Keys, "Cubic convolution interpolation", 1981, with a = -0.5; stretched by the scale when shrinking.
/// </summary>
public sealed class BicubicTaps
{
    /// <summary>Fraction bits of a weight: 32 - 8 (a pixel) - 2 (overshoot and sign).</summary>
    public const int FractionBits = 22;

    /// <summary>One half: where a sum starts, so that the shift rounds.</summary>
    public const int Half = 1 << (FractionBits - 1);

    private const double A = -0.5;

    private readonly int[] first, count, weights;

    /// <summary>Taps from <paramref name="inputs"/> to <paramref name="outputs"/> positions.</summary>
    public BicubicTaps(int inputs, int outputs)
        : this(inputs, outputs, 0, outputs)
    {
    }

    /// <summary>The same, of only the output positions <paramref name="start"/> to start + <paramref name="length"/> - 1, which are then numbered from 0.</summary>
    /// <exception cref="ArgumentException">Fewer than one position on a side, or a range that does not lie within the outputs.</exception>
    public BicubicTaps(int inputs, int outputs, int start, int length)
    {
        Require.That(inputs >= 1 && outputs >= 1, $"A line is resized from and to at least 1 pixel, got {inputs} to {outputs}.");
        Require.That(start >= 0 && length >= 1 && start <= outputs - length, $"Pixels {start} to {start + length - 1} do not lie within a line of {outputs}.");
        Inputs = inputs;
        Outputs = length;
        double scale = (double)inputs / outputs;
        double stretch = Math.Max(scale, 1);
        double support = 2 * stretch;
        MaxCount = Math.Min((int)Math.Ceiling(support) * 2 + 1, inputs);
        first = new int[length];
        count = new int[length];
        weights = new int[length * MaxCount];
        double[] exact = new double[MaxCount];
        for (int i = 0; i < length; i++)
        {
            double center = (start + i + 0.5) * scale;
            int low = Math.Max((int)(center - support + 0.5), 0);
            int high = Math.Min((int)(center + support + 0.5), inputs);
            first[i] = low;
            count[i] = high - low;
            Fill(exact.AsSpan(0, high - low), low, center, 1 / stretch, weights.AsSpan(i * MaxCount));
        }
    }

    /// <summary>Number of input positions.</summary>
    public int Inputs { get; }

    /// <summary>Number of output positions.</summary>
    public int Outputs { get; }

    /// <summary>No output position has more taps.</summary>
    public int MaxCount { get; }

    /// <summary>The first input position of an output position.</summary>
    public int First(int output) => first[output];

    /// <summary>One past the last input position that any output position takes; the first is that of output 0.</summary>
    public int End => first[^1] + count[^1];

    /// <summary>The weights of the input positions from <see cref="First"/> on; they sum to about 2^22.</summary>
    public ReadOnlySpan<int> Weights(int output) => weights.AsSpan(output * MaxCount, count[output]);

    /// <summary>A weighted sum, which started at <see cref="Half"/>, as an 8-bit value.</summary>
    public static byte Round(int sum) => (byte)Math.Clamp(sum >> FractionBits, 0, 255);

    // The order of these double operations is part of the contract: another one changes last bits, and with them some pixels.
    private static void Fill(Span<double> exact, int low, double center, double shrink, Span<int> fixedPoint)
    {
        double sum = 0;
        for (int x = 0; x < exact.Length; x++)
        {
            exact[x] = Cubic((x + low - center + 0.5) * shrink);
            sum += exact[x];
        }
        for (int x = 0; x < exact.Length; x++)
        {
            double weight = (sum != 0 ? exact[x] / sum : exact[x]) * (1 << FractionBits);
            fixedPoint[x] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
        }
    }

    private static double Cubic(double t)
    {
        t = Math.Abs(t);
        return t < 1 ? ((A + 2) * t - (A + 3)) * t * t + 1
            : t < 2 ? (((t - 5) * t + 8) * t - 4) * A
            : 0;
    }
}
