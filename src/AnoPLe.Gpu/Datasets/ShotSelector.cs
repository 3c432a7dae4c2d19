using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets;

/// <summary>Draws the few images to fit on: by seed from the sorted names, so that the choice depends on nothing else.</summary>
public static class ShotSelector
{
    /// <summary>Chooses without repetition. With one seed, fewer shots are the first of more shots.</summary>
    /// <param name="names">Distinct names in any order; they are sorted ordinally first.</param>
    /// <param name="shots">How many, 1 to the number of names.</param>
    /// <param name="seed">Another seed, another choice.</param>
    /// <exception cref="ArgumentException">More shots than names, fewer than 1, or a name twice.</exception>
    public static IReadOnlyList<string> Choose(IEnumerable<string> names, int shots, int seed)
    {
        string[] sorted = [.. names.Order(StringComparer.Ordinal)];
        if (shots < 1 || shots > sorted.Length)
            throw new ArgumentException(
                $"{shots} shots asked for, expected 1 to {sorted.Length}, the number of normal images. Ask for fewer or add images.", nameof(shots));
        for (int i = 1; i < sorted.Length; i++)
            if (sorted[i] == sorted[i - 1])
                throw new ArgumentException($"The name '{sorted[i]}' occurs twice, expected distinct names.", nameof(names));
        CounterRandom random = new((ulong)seed, stream: 0);
        for (int i = 0; i < shots; i++)   // the first steps of a Fisher-Yates shuffle
        {
            int j = i + random.Below(sorted.Length - i);
            (sorted[i], sorted[j]) = (sorted[j], sorted[i]);
        }
        return sorted[..shots];
    }
}
