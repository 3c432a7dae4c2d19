namespace AnoPLe.Gpu.Training;
internal sealed class TrainingBatch(int images, int views, int imageSize, int grid, int width)
{
    public int Images => images;
    public int ViewCount => views;
    public float[] Pixels { get; } = new float[images * views * 3 * imageSize * imageSize];
    public float[] Textures { get; } = new float[images * views * 3 * imageSize * imageSize];
    public float[] PixelMask { get; } = new float[images * views * imageSize * imageSize];
    public float[] LatentMask { get; } = new float[images * views * grid * grid];
    public float[] Beta { get; } = new float[images * views];
    public float[] LatentNoise { get; } = new float[images * views * grid * grid * width];
    public float[] ClassNoise { get; } = new float[images * views * width];
    public int[] ClassIndex { get; } = new int[images];
}
