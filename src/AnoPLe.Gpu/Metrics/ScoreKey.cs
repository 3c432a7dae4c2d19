using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Metrics;

/// <summary>Maps scores to 32-bit keys whose ascending order is the descending order of the scores, so that sorting is a radix sort.</summary>
internal static class ScoreKey
{
    /// <summary>The key of a score: the higher the score, the smaller the key. Both zeros share one key. Not for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Of(float score)
    {
        uint bits = BitConverter.SingleToUInt32Bits(score + 0f);   // -0 + 0 = +0
        // Floats order like their bits once negative ones are complemented and positive ones get the top bit; the whole is then complemented.
        return ~(bits ^ ((uint)((int)bits >> 31) | 0x8000_0000u));
    }

    /// <summary>The score of a key.</summary>
    public static float Score(uint key)
    {
        uint ordered = ~key;
        return BitConverter.UInt32BitsToSingle((ordered & 0x8000_0000u) != 0 ? ordered ^ 0x8000_0000u : ~ordered);
    }

    /// <summary>Throws when a score is not a number.</summary>
    public static void RejectNaN(ReadOnlySpan<float> scores, string parameter)
    {
        for (int i = 0; i < scores.Length; i++)
            if (float.IsNaN(scores[i]))
                throw new ArgumentException(
                    $"Score {i} of {scores.Length} is NaN, expected a number (infinities are allowed). Check the model's output before rating it.",
                    parameter);
    }
}
