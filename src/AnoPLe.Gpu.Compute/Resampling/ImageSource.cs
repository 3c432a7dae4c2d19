namespace AnoPLe.Gpu.Compute.Resampling;

/// <summary>An image in the host's memory, and which part of which size of it is wanted.</summary>
/// <param name="Pixels">Packed RGB24, 3 * Width * Height bytes, rows top to bottom.</param>
/// <param name="Width">Columns.</param>
/// <param name="Height">Rows.</param>
/// <param name="ResizedWidth">Columns after resizing.</param>
/// <param name="ResizedHeight">Rows after resizing.</param>
/// <param name="Left">The first column of the part that is kept.</param>
/// <param name="Top">The first row of the part that is kept.</param>
public readonly record struct ImageSource(ReadOnlyMemory<byte> Pixels, int Width, int Height, int ResizedWidth, int ResizedHeight, int Left, int Top)
{
    /// <summary>The whole image at size x size.</summary>
    public ImageSource(ReadOnlyMemory<byte> pixels, int width, int height, int size)
        : this(pixels, width, height, size, size, 0, 0)
    {
    }
}
