"""The words of the generated answers: what the tagging prompt allows, what models say freely, and how often."""

from itertools import accumulate

CATEGORICAL: dict[str, tuple[str, ...]] = {
    "temperature": ("warm", "cool", "neutral", "cool-warm"),
    "contrast": ("high", "medium", "low"),
    "brightness": ("dark", "medium", "light", "varied"),
    "saturation": ("vibrant", "muted", "mixed"),
}


def words(text: str) -> tuple[str, ...]:
    """Split at commas; every run of white space becomes one space."""
    return tuple(" ".join(word.split()) for word in text.split(","))


SYNONYMS: dict[str, tuple[str, ...]] = {
    "temperature": ("凉", "cool ", *words("mixed, Warm, balanced, 暖, both, grey, COOL, gray, cálido, بارد")),
    "contrast": ("strong", "high\n", *words("subtle, moderate, soft, 强, intense, mid, minimal, High, alto")),
    "brightness": words(
        """very light, deep, mid, mixed, bright, dim, average, variable, pale, very dark, moderate, contrast,
        明るい, Dark"""
    ),
    "saturation": words(
        """vivid, pastel, moderate, high, low, variable, bright, dull, medium, saturated, desaturated, varied, intense,
        soft, rich, subtle, 鲜艳, Muted"""
    ),
}
"""Answers that mean an allowed value, most of them known to; in words, languages and cases that the prompt forbids."""

LISTS: dict[str, tuple[str, ...]] = {
    "mood": words(
        """calm, serene, peaceful, energetic, dreamy, cozy, mysterious, playful, romantic, nostalgic, elegant, bold,
        melancholic, fresh, tranquil, dramatic, sophisticated, joyful, moody, whimsical, luxurious, tense,
        ethereal, soothing, cheerful, intimate, rustic, somber, hopeful, optimistic, contemplative, lively,
        earthy, uplifting, relaxed, inviting, grounded, passionate, introspective, refreshing, festive,
        gloomy, brooding, sensual, quiet, delicate, powerful, adventurous, ominous, exotic, magical,
        futuristic, natural, confident, youthful, tender, stoic, wistful, electric, hypnotic, sunny,
        rebellious, regal, haunting, innocent, meditative, gentle, wild, exuberant, reserved, mellow, airy,
        solemn, comforting, glamorous, austere, surreal, mystical, dynamic, subdued, fiery, lonely, crisp,
        balanced, majestic, eerie, sincere, zen, restless, radiant, edgy, timeless, spirited, pensive,
        carefree, grounding, stormy, sleepy, heroic, sultry, humble, cinematic, curious, secretive, velvety,
        bittersweet, vigilant, jubilant, sacred, frosty, brisk, laid-back, weightless, feral, patient,
        defiant"""
    ),
    "style": words(
        """modern, minimalist, vintage, retro, bohemian, art deco, scandinavian, industrial, mid-century, cyberpunk,
        vaporwave, cottagecore, bauhaus, japandi, wabi-sabi, memphis, pop art, contemporary, rustic,
        tropical, y2k, brutalist, abstract, impressionist, coastal, farmhouse, gothic, steampunk, synthwave,
        art nouveau, baroque, victorian, mediterranean, grunge, psychedelic, pastel goth, dark academia,
        hygge, organic, expressionist, watercolor, surrealist, cubist, rococo, neoclassical, desert modern,
        lo-fi, streetwear, kawaii, ukiyo-e, folk, futurist, swiss design, flat design, neon noir, light
        academia, shabby chic, maximalist, boho chic, preppy, western, nautical, alpine, moroccan, zen,
        fauvist, constructivist, de stijl, pointillist, renaissance, graffiti, pixel art, glitch,
        holographic, solarpunk, dieselpunk, atomic age, space age, hollywood regency, art brut, tuscan,
        provençal, colonial, navajo, aztec, celtic, nordic, urban, luxe, athleisure, glam rock, disco, mod,
        hippie, punk, emo, goblincore, fairycore, gorpcore, normcore, seapunk, frutiger aero, skeuomorphic,
        corporate"""
    ),
    "associations": words(
        """sunset, ocean, forest, café, desert, autumn leaf, coffee, rain, campfire, moonlight, lavender field,
        vineyard, galaxy, aurora, coral reef, marble, velvet, terracotta pot, neon sign, stained glass,
        matcha, denim, citrus, espresso, cherry blossom, mountain, sea, storm cloud, beach, wine, honey,
        chocolate, peacock, tulip, snow, lake, crème brûlée, piñata, jungle, meadow, sunrise, twilight, night
        sky, fog, wildflower, sand dune, glacier, moss, clay, copper, brick, autumn forest, pumpkin, berry,
        rose, orchid, lemon, mint, olive grove, bamboo, butterfly, hummingbird, fire, lava, volcano, canyon,
        waterfall, river stone, seashell, mermaid, candlelight, fireplace, library, leather, old book, vinyl
        record, jazz club, arcade, nightclub, city night, subway, rooftop, market, spice bazaar, saffron,
        cinnamon, turmeric, paprika, tea ceremony, zen garden, koi pond, temple, cathedral, gemstone,
        emerald, sapphire, amethyst, ruby, opal, pearl, jade, gold leaf, silk, linen, wool sweater, tweed,
        cotton candy, bubblegum, ice cream, sorbet, macaron, watermelon, peach, mango, pomegranate, fig,
        plum, grape, blueberry, raspberry, avocado, pistachio, caramel, toffee, maple syrup, whiskey, rosé,
        champagne, smoke, ash, charcoal, slate, concrete, steel, rust, patina, driftwood, pine, cedar, birch,
        fern, ivy, cactus, succulent, agave, palm tree, lagoon, tide pool, jellyfish, whale, dolphin,
        flamingo, parrot, fox, deer, owl, raven, wolf, tiger, leopard, zebra, nebula, comet, eclipse,
        constellation, rocket, satellite, circuit board, hologram, laser, carnival, circus, festival, parade,
        fireworks, lantern, kimono, sari, poncho, tapestry, mosaic, fresco, mural, ballet, opera, theater
        curtain, film noir, polaroid, typewriter, rotary phone, road trip, diner, motel, surf, sailboat,
        lighthouse, harbor, fjord, tundra, igloo, ski lodge, cabin, barn, wheat field, sunflower, hay bale,
        orchard, apple pie, picnic, rain boot, umbrella, puddle, rainbow, thunderstorm, lightning, hurricane,
        dust"""
    ),
    "dominant_colors": words(
        """white, gray, black, brown, red, orange, yellow, lime, green, teal, cyan, blue, navy, purple, magenta, pink"""
    ),
    "harmony": words(
        """monochromatic, analogous, complementary, split-complementary, double-complementary, triadic, tetradic,
        square, achromatic, neutral, accented-analogous, near-complementary, clash, polychromatic"""
    ),
    "seasonal": words(
        """early spring, spring, late spring, summer, late summer, autumn, late autumn, winter, christmas, halloween,
        easter, valentines, thanksgiving, new year, hanukkah, diwali, lunar new year, st patricks,
        independence day, mardi gras, cinco de mayo, oktoberfest, holi, carnival, day of the dead, kwanzaa,
        passover, rosh hashanah, songkran, nowruz, vesak, baisakhi, obon, chuseok, canada day, australia day,
        chinese new year, labor day, memorial day, veterans day, mothers day, fathers day, earth day"""
    ),
}
TAGS_PER_LIST: dict[str, tuple[int, int]] = {
    "mood": (2, 5),
    "style": (1, 5),
    "associations": (2, 7),
    "dominant_colors": (1, 4),
    "harmony": (1, 2),
    "seasonal": (0, 4),
}


def frequency_table(words: tuple[str, ...], size: int = 4096) -> list[str]:
    """Repeat each word by Zipf's law (the n-th most frequent as 1/(n + 3)) so that a uniform pick is a natural one."""
    weights = [1 / (rank + 4) for rank in range(len(words))]
    ends = [round(end * size / sum(weights)) for end in accumulate(weights)]
    return [word for word, start, end in zip(words, [0, *ends], ends, strict=False) for _ in range(end - start)]
