using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Tests.Clip;

/// <summary>Expected values are those of Python's <c>html.unescape</c>.</summary>
public sealed class HtmlEntitiesTests
{
    [Theory]
    [InlineData("&amp;lt;", "&lt;")]
    [InlineData("&notit;", "¬it;")]
    [InlineData("&notin;", "∉")]
    [InlineData("&no", "&no")]
    [InlineData("&#65", "A")]
    [InlineData("&#x41;z", "Az")]
    [InlineData("&#128;", "€")]
    [InlineData("&#129;", "\u0081")]
    [InlineData("&#0;", "\uFFFD")]
    [InlineData("&#55296;", "\uFFFD")]
    [InlineData("&#1114112;", "\uFFFD")]
    [InlineData("&#99999999999999999999;", "\uFFFD")]
    [InlineData("&#128512;", "\U0001F600")]
    [InlineData("&#11;x", "x")]
    [InlineData("&#13;x", "\rx")]
    [InlineData("&#xFFFE;x", "x")]
    [InlineData("&#x10FFFF;x", "x")]
    [InlineData("&;", "&;")]
    [InlineData("&#;", "&#;")]
    [InlineData("&#x;", "&#x;")]
    [InlineData("&&amp;", "&&")]
    [InlineData("&CounterClockwiseContourIntegral;", "∳")]
    [InlineData("&NotEqualTilde;", "≂̸")]
    [InlineData("&ampamp;", "&amp;")]
    [InlineData("&a&amp", "&a&")]
    [InlineData("&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&lt", "&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<")]
    [InlineData("AT&T", "AT&T")]
    [InlineData("&", "&")]
    public void Follows_the_rules_of_the_standard(string text, string expected) => Assert.Equal(expected, HtmlEntities.Unescape(text));
}
