using System.Buffers.Binary;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Imaging;

/// <summary>Stored values come out as stored: no colour management, no compositing, no rounding.</summary>
public sealed class PngDecodingTests
{
    [Fact]
    public void Sixteen_bit_colour_keeps_the_high_byte()
    {
        // Values where rounding to 8 bits would give another byte than the high one.
        byte[] row = Words(0x00FF, 0x7F80, 0xFEFF, 0x0080, 0x80FF, 0xFFFF);
        Assert.Equal([0x00, 0x7F, 0xFE, 0x00, 0x80, 0xFF], Decode(PngFile.Make(2, 16, PngFile.Rgb, [row])));
    }

    [Fact]
    public void Sixteen_bit_colour_with_alpha_keeps_the_high_byte()
    {
        byte[] row = Words(0x12FF, 0x34FF, 0x56FF, 0x0000, 0x9AFF, 0xBC80, 0xDE7F, 0x8000);
        Assert.Equal([0x12, 0x34, 0x56, 0x9A, 0xBC, 0xDE], Decode(PngFile.Make(2, 16, PngFile.RgbAlpha, [row])));
    }

    [Fact]
    public void Sixteen_bit_grey_keeps_the_high_byte() =>
        Assert.Equal([0x00, 0x00, 0x00, 0x12, 0x12, 0x12, 0xFE, 0xFE, 0xFE],
            Decode(PngFile.Make(3, 16, PngFile.Grey, [Words(0x00FF, 0x12FF, 0xFEFF)])));

    [Fact]
    public void Sixteen_bit_grey_with_alpha_keeps_the_high_byte() =>
        Assert.Equal([0x01, 0x01, 0x01, 0xAB, 0xAB, 0xAB], Decode(PngFile.Make(2, 16, PngFile.GreyAlpha, [Words(0x01FF, 0x0000, 0xABFF, 0x40FF)])));

    [Fact]
    public void Colours_under_full_transparency_survive() =>
        Assert.Equal([10, 20, 30, 255, 1, 77], Decode(PngFile.Make(2, 8, PngFile.RgbAlpha, [[10, 20, 30, 0, 255, 1, 77, 3]])));

    [Fact]
    public void Grey_under_full_transparency_survives() =>
        Assert.Equal([10, 10, 10, 255, 255, 255], Decode(PngFile.Make(2, 8, PngFile.GreyAlpha, [[10, 0, 255, 3]])));

    [Fact]
    public void The_transparent_colour_of_an_rgb_image_survives() =>
        Assert.Equal([10, 20, 30, 40, 50, 60], Decode(PngFile.Make(2, 8, PngFile.Rgb, [[10, 20, 30, 40, 50, 60]], ("tRNS", [0, 10, 0, 20, 0, 30]))));

    [Fact]
    public void The_transparent_level_of_a_grey_image_survives() =>
        Assert.Equal([7, 7, 7, 9, 9, 9], Decode(PngFile.Make(2, 8, PngFile.Grey, [[7, 9]], ("tRNS", [0, 7]))));

    [Fact]
    public void Transparent_palette_colours_survive() =>
        Assert.Equal([1, 2, 3, 4, 5, 6, 1, 2, 3, 7, 8, 9],
            Decode(PngFile.Make(4, 2, PngFile.Palette, [[0b00_01_00_10]], ("PLTE", [1, 2, 3, 4, 5, 6, 7, 8, 9]), ("tRNS", [0, 128]))));

    [Theory]
    [InlineData(1, new byte[] { 0b0110_0000 }, new byte[] { 0, 255, 255, 0 })]
    [InlineData(2, new byte[] { 0b00_01_10_11 }, new byte[] { 0, 85, 170, 255 })]
    [InlineData(4, new byte[] { 0x01, 0xEF }, new byte[] { 0, 17, 238, 255 })]
    public void Small_grey_depths_are_scaled_to_the_full_range(int bits, byte[] row, byte[] levels) =>
        Assert.Equal(levels.SelectMany(v => new[] { v, v, v }), Decode(PngFile.Make(4, bits, PngFile.Grey, [row])));

    [Fact]
    public void Gamma_and_chromaticities_are_ignored()
    {
        byte[] gamma = new byte[4], chromaticities = new byte[32];
        BinaryPrimitives.WriteInt32BigEndian(gamma, 22_000);
        foreach (var (i, value) in new[] { 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000 }.Index()) // Adobe RGB
            BinaryPrimitives.WriteInt32BigEndian(chromaticities.AsSpan(4 * i), value);
        byte[] row = [1, 100, 200, 250, 60, 7];
        Assert.Equal(row, Decode(PngFile.Make(2, 8, PngFile.Rgb, [row], ("gAMA", gamma), ("cHRM", chromaticities))));
        byte[] words = Words(0x01FF, 0x64FF, 0xC8FF, 0xFA80, 0x3C80, 0x07FF);
        Assert.Equal(row, Decode(PngFile.Make(2, 16, PngFile.Rgb, [words], ("gAMA", gamma), ("cHRM", chromaticities))));
    }

    private static byte[] Decode(byte[] file) => RgbImage.Decode(file).Pixels.ToArray();

    private static byte[] Words(params ushort[] values) => [.. values.SelectMany(v => new[] { (byte)(v >> 8), (byte)v })];
}
