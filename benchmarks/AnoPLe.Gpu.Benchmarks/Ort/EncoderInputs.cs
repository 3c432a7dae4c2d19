using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>Drawn inputs; the same for the same batch size.</summary>
internal static class EncoderInputs
{
    /// <summary>[B, 3, S, S], uniform in -2 .. 2, about the range of normalised pixels.</summary>
    public static float[] Images(ClipConfig config, int batch)
    {
        var random = new Random(batch);
        var images = new float[batch * 3 * config.ImageSize * config.ImageSize];
        for (int i = 0; i < images.Length; i++)
            images[i] = 4 * random.NextSingle() - 2;
        return images;
    }

    /// <summary>
    /// B texts: start of text, drawn words, end of text, zeros, as CLIP's tokenizer writes them. The first text fills the row. Ours computes no token after
    /// the last end of a batch, the graph always computes all: like this neither side may leave out work. The others end where they like.
    /// </summary>
    public static int[][] Texts(ClipConfig config, int batch)
    {
        var random = new Random(batch);
        int last = config.ContextLength - 1, startOfText = config.VocabSize - 2, endOfText = config.VocabSize - 1;
        return [.. Enumerable.Range(0, batch).Select(row =>
        {
            int end = row == 0 ? last : random.Next(1, last + 1);
            int[] ids = [.. Enumerable.Range(0, config.ContextLength).Select(i => i < end ? random.Next(1, startOfText) : 0)];
            (ids[0], ids[end]) = (startOfText, endOfText);
            return ids;
        })];
    }
}
