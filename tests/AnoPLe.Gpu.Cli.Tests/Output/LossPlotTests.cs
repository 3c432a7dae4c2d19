using System.Xml.Linq;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Output;

public sealed class LossPlotTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(400, 1)]
    [InlineData(5000, 50)]
    public void Draws_every_curve_as_text_a_browser_can_read(int epochs, int stepsPerEpoch)
    {
        using TempFolder folder = new();
        LossPlot.Save(folder["losses.svg"], [.. Losses(epochs)], stepsPerEpoch);

        Assert.Equal(["losses.svg"], folder.Files());
        string text = File.ReadAllText(folder["losses.svg"]);
        Assert.InRange(text.Length, 1000, 400_000);
        Assert.DoesNotContain("NaN", text, StringComparison.Ordinal);
        XElement svg = XDocument.Parse(text).Root!;
        string[] words = [.. svg.Descendants().Where(element => element.Name.LocalName == "text").Select(element => element.Value.Trim())];
        foreach (string word in new[] { "Training losses", "total", "dice", "focal", "image", "alignment", "loss" })
            Assert.Contains(word, words);
        Assert.Contains(words, word => word.Contains(stepsPerEpoch == 1 ? "one step each" : "50 steps each", StringComparison.Ordinal));
    }

    [Fact]
    public void Values_that_cannot_be_shown_leave_gaps()
    {
        using TempFolder folder = new();
        var losses = Losses(20).ToArray();
        losses[3] = new(double.NaN, double.PositiveInfinity, 0, -1, double.NegativeInfinity);
        LossPlot.Save(folder["some.svg"], losses, 1);
        LossPlot.Save(folder["none.svg"], [.. losses.Select(_ => losses[3])], 1);
        foreach (string name in folder.Files())
            Assert.DoesNotMatch("NaN|Infinity|∞", File.ReadAllText(folder[name]));
    }

    [Fact]
    public void The_same_losses_give_the_same_file()
    {
        using TempFolder folder = new();
        LossPlot.Save(folder["a.svg"], [.. Losses(30)], 2);
        LossPlot.Save(folder["b.svg"], [.. Losses(30)], 2);
        Assert.Equal(File.ReadAllText(folder["a.svg"]), File.ReadAllText(folder["b.svg"]));
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named()
    {
        using TempFolder folder = new();
        var error = Assert.Throws<DirectoryNotFoundException>(() => LossPlot.Save(folder["missing", "losses.svg"], [.. Losses(3)], 1));
        Assert.Contains("missing", error.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<LossJson> Losses(int epochs)
    {
        for (int i = 0; i < epochs; i++)
        {
            double jump = 1 + 0.3 * Math.Sin(i * 12.9898), fall = Math.Exp(-3.0 * i / epochs);
            double dice = (0.4 + 0.5 * fall) * jump, focal = 0.02 + 0.15 * fall * jump, image = 0.3 + 0.4 * fall * jump, alignment = 0.1 + 0.9 * fall;
            yield return new(dice + focal + image + alignment, dice, focal, image, alignment);
        }
    }
}
