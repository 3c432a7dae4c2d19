namespace AnoPLe.Gpu.Training;
internal sealed class PseudoAnomalies(IReadOnlyList<float[]> v, IReadOnlyList<int> c, int views, int S, int g, int C, ulong seed, TextureSource? t, (float Low, float High) beta)
{
    public void Fill(TrainingBatch batch, IReadOnlyList<int> idx, int step) { _ = (v, c, views, S, g, C, seed, t, beta, batch, idx, step); }
    public int[] Order(int pass) => [pass + S];
}
internal sealed class TextureSource { public static TextureSource Load(string f, int s) => throw new NotSupportedException(f + s); }
internal static class TrainingViews { public static float[] Of(AnoPLe.Gpu.Imaging.RgbImage i, AnoPLe.Gpu.Clip.Preprocessing p, int v) => throw new NotSupportedException($"{i}{p}{v}"); }
