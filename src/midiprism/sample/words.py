"""Words of titles, artists, tracks and lyrics, by language."""

from dataclasses import dataclass

from midiprism.sample.score import ROLE_NAMES


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """The words of songs in a language.

    Attributes:
        weight: how many songs in a hundred are in it.
        encodings: encodings in which its files hold text, each as often as it is listed.
        title_words: three lists of words; one of each makes a title.
        title_separator: between the words.
        track_names: names of a track by role.
        syllables: of lyrics.
        section_names: texts of markers: intro, verse, pre-chorus, chorus, bridge, solo, outro.
    """

    weight: int
    encodings: tuple[str, ...]
    title_words: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    title_separator: str
    track_names: dict[int, tuple[str, ...]]
    syllables: tuple[str, ...]
    section_names: tuple[str, ...]


def _split_commas(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _parse_track_names(text: str) -> dict[int, tuple[str, ...]]:
    names = [tuple(names.strip().split("/")) for names in text.split(",")]
    return dict(zip(range(len(ROLE_NAMES)), names, strict=True))


ENGLISH = Language(
    56,
    ("ascii", "ascii", "ascii", "utf-8", "cp1252"),
    (
        _split_commas(
            "Silver, Broken, Midnight, Golden, Lonely, Paper, Electric, Summer, Winter, Hollow, "
            "Distant, Velvet, Crimson, Gentle, Restless, Burning, Forgotten, Wild, Blue, Quiet, Neon, "
            "Early, Sweet, Wooden, Rolling, Faded, Secret, Little, Northern, Sleepless, Drifting, "
            "Honest, Second, Last, Painted, Runaway, Marble, Hidden, Tender, Crooked"
        ),
        _split_commas(
            "Morning, Letters, Road, Heart, River, Train, Dream, Window, Street, Song, Garden, Fire, "
            "Moon, Harbour, Radio, Mirror, Promise, Dancer, Shadow, Bridge, Station, Ocean, Lantern, "
            "Story, Highway, Sky, Stranger, Waltz, Cathedral, Holiday, Wire, Echo, Kitchen, Season, "
            "Parade, Memory, Island, Carousel, Whisper, Sunday"
        ),
        _split_commas(
            "in Lisbon, by the Sea, of Mine, Without You, for Anna, at Dawn, after Rain, on Fire, "
            "in the City, Tonight, over Chicago, of Love, Goodbye, in Blue, on the Hill, for Two, "
            "of the South, Again, under Glass, Don’t Wait, in My Hands, from Home, at the Door, "
            "till Monday, of Gold, in Slow Motion, Below Zero, and Roses, for a Friend, in the Dark, "
            "Forever, by Heart, near Dublin, of Our Lives, across Town, No More, and Smoke, "
            "Before You Go, on the Line, in Stereo"
        ),
    ),
    " ",
    _parse_track_names(
        "Drums/Drum Kit/DRUMS, Percussion/Shaker/Perc, Bass/Bass Guitar/BASS, Piano/Keys/Rhodes, "
        "Rhythm Guitar/Acoustic Guitar/Gtr, Strings/Pad/Synth Pad, Arpeggio/Harp/Sequencer, "
        "Melody/Lead/Vocal/Lead Vocals, Countermelody/Obbligato/Fill, Harmony/Backing Vocals/2nd Voice, "
        "Brass/Horns/Brass Section, Riff/Lead Guitar/Guitar 2, Bells/Glockenspiel/Chimes"
    ),
    _split_commas(
        "love, you, in, the, night, and, day, to-, night, oh, my, heart, is, on, fire, a-, way, come, "
        "back, home, nev-, er, let, me, go, rain, falls, down, we, sing"
    ),
    ("Intro", "Verse", "Pre-Chorus", "Chorus", "Bridge", "Solo", "Outro"),
)

FRENCH = Language(
    9,
    ("cp1252", "latin-1", "utf-8"),
    (
        _split_commas(
            "Première, Dernière, Petite, Étrange, Vieille, Douce, Lointaine, Fragile, Légère, Blanche, "
            "Secrète, Belle, Pâle, Seule, Chère, Nouvelle, Tendre, Triste, Éternelle, Claire, Rêveuse, "
            "Jolie, Mélancolique, Brève"
        ),
        _split_commas(
            "Forêt, Nuit, Fenêtre, Lumière, Mémoire, Île, Chanson, Étoile, Rivière, Mer, Fête, Prière, "
            "Maison, Ombre, Valse, Gare, Lettre, Poussière, Promesse, Rue, Neige, Saison, Âme, Légende"
        ),
        _split_commas(
            "d’Été, à Paris, de Noël, sans Toi, du Soir, en Hiver, à Genève, d’Amour, de l’Aube, "
            "près d’Évian, pour Zoé, à Deux, de Mai, du Passé, sous la Pluie, de Novembre, au Café, "
            "en Fa, d’Orléans, après la Fête, de Velours, en Février, à l’Océan, de Gaël"
        ),
    ),
    " ",
    _parse_track_names(
        "Batterie, Percussions/Shaker, Basse, Piano/Claviers, Guitare/Guitare sèche, Cordes/Nappe, "
        "Arpège/Harpe, Mélodie/Chant, Contre-mélodie, Chœurs/Deuxième voix, Cuivres, "
        "Guitare électrique, Cloches"
    ),
    _split_commas(
        "je, t’ai-, me, la, nuit, é-, toi-, le, mon, cœur, à, toi, l’é-, té, re-, vient, dé-, jà, où, "
        "es, tu, là"
    ),
    ("Intro", "Couplet", "Pré-refrain", "Refrain", "Pont", "Solo", "Fin"),
)

GERMAN = Language(
    9,
    ("cp1252", "latin-1", "utf-8"),
    (
        _split_commas(
            "Schöne, Stille, Süße, Graue, Grüne, Ferne, Kühle, Letzte, Große, Frühe, Späte, Heiße, "
            "Dunkle, Blaue, Müde, Weiße, Träge, Kleine, Goldene, Höhere, Offene, Süddeutsche, Lange, "
            "Fröhliche"
        ),
        _split_commas(
            "Straße, Nacht, Brücke, Wärme, Träume, Grüße, Sterne, Küste, Stunde, Wälder, Lieder, "
            "Häuser, Wolken, Gärten, Briefe, Höhen, Blüten, Schatten, Reise, Räume, Tänze, Uhren, "
            "Felder, Züge"
        ),
        _split_commas(
            "im März, für Käthe, über Köln, nach Süden, in München, am Fluß, ohne Dich, im Frühling, "
            "für Jürgen, vor Weihnachten, bei Nürnberg, im Regen, zurück, am Morgen, für Zwölf, "
            "aus Österreich, im Café, auf Föhr, mit Gefühl, bis Fünf, an der Spree, um Mitternacht, "
            "in Zürich, allein"
        ),
    ),
    " ",
    _parse_track_names(
        "Schlagzeug, Schlagwerk/Rassel, Baß/Bass, Klavier/Flügel, Gitarre/Rhythmusgitarre, "
        "Streicher/Fläche, Arpeggio/Harfe, Melodie/Gesang/Flöte, Gegenstimme/Nebenstimme, "
        "Zweite Stimme/Chöre, Bläser, E-Gitarre/Sologitarre, Glocken/Röhrenglocken"
    ),
    _split_commas(
        "ich, lie-, be, dich, die, Nacht, ist, schön, für, im-, mer, mein, Herz, hö-, re, zu-, rück, "
        "ü-, ber, Straße"
    ),
    ("Vorspiel", "Strophe", "Überleitung", "Refrain", "Brücke", "Solo", "Schluß"),
)

SPANISH = Language(
    9,
    ("latin-1", "cp1252", "utf-8"),
    (
        _split_commas(
            "Última, Pequeña, Lejana, Dulce, Mañanera, Única, Vieja, Tímida, Bella, Fría, Eléctrica, "
            "Mágica, Secreta, Rápida, Íntima, Pálida, Roja, Sola, Trágica, Clara, Serena, Blanca, "
            "Amarga, Querida"
        ),
        _split_commas(
            "Canción, Noche, Mañana, Ilusión, Calle, Razón, Estación, Luna, Lluvia, Pasión, Carta, "
            "Montaña, Niña, Ciudad, Oración, Playa, Ventana, Guitarra, Habitación, Sombra, Tradición, "
            "Fiesta, Cabaña, Memoria"
        ),
        _split_commas(
            "de Málaga, sin Ti, en Otoño, del Corazón, de José, en Bogotá, del Mar, de España, "
            "para Inés, de Abril, en León, del Año, a Medianoche, de Córdoba, de Papel, en Perú, "
            "sin Razón, del Sur, en México, de Cristal, al Amanecer, de Ayer, con Piñas, de Cádiz"
        ),
    ),
    " ",
    _parse_track_names(
        "Batería, Percusión/Maracas, Bajo, Piano/Órgano, Guitarra/Guitarra rítmica, Cuerdas/Colchón, "
        "Arpegio/Arpa, Melodía/Voz, Contracanto, Coros/Segunda voz, Metales, Guitarra eléctrica, "
        "Campanas"
    ),
    _split_commas(
        "mi, co-, ra-, zón, te, quie-, ro, más, la, no-, che, ma-, ña-, na, tú, no, es-, tás, a-, quí, "
        "can-, ción"
    ),
    ("Introducción", "Estrofa", "Puente corto", "Estribillo", "Puente", "Solo", "Final"),
)

JAPANESE = Language(
    10,
    ("cp932", "cp932", "utf-8"),
    (
        _split_commas(
            "青い, 白い, 遠い, 小さな, 静かな, 夏の, 冬の, 春の, 秋の, 夜の, 朝の, 最後の, 懐かしい, "
            "優しい, 眠れない, 透明な, 真昼の, 雨の, 約束の, 二人の, 風の, 光る, 淡い, 永遠の"
        ),
        _split_commas(
            "空, 海, 街, 花, 手紙, 電車, 夢, 窓, 坂道, 星, 月, 桜, 橋, 歌, 影, 駅, 虹, 雪, 鏡, 庭, 港, "
            "ラジオ, メロディー, カーニバル"
        ),
        _split_commas(
            "物語, の下で, を待つ, とワルツ, のように, と君, を渡る, ソナタ, への道, を見た, と涙, "
            "ブルース, に咲く, の記憶, まで, を越えて, の季節, と嘘, に帰る, マーチ, の途中, を歌う, "
            "だけ, ごっこ"
        ),
    ),
    "",
    _parse_track_names(
        "ドラム/ドラムス, パーカッション, ベース, ピアノ/エレピ, ギター/アコギ, ストリングス/パッド, "
        "アルペジオ/ハープ, メロディー/ボーカル/主旋律, オブリガート/裏メロ, ハモリ/コーラス, ブラス, "
        "リードギター/エレキギター, ベル/グロッケン"
    ),
    _split_commas(
        "あ, い, し, て, る, よ, る, の, そ, ら, き, み, と, ゆ, め, は, な, が, さ, く, ひ, か, り, ま, ち"
    ),
    ("イントロ", "Aメロ", "Bメロ", "サビ", "Cメロ", "ソロ", "アウトロ"),
)

RUSSIAN = Language(
    7,
    ("utf-8",),
    (
        _split_commas(
            "Белая, Тихая, Старая, Последняя, Далёкая, Зимняя, Летняя, Ночная, Синяя, Новая, Лунная, "
            "Светлая, Первая, Морская, Забытая, Золотая, Утренняя, Вечерняя, Простая, Южная, Северная, "
            "Милая, Звёздная, Весенняя"
        ),
        _split_commas(
            "дорога, песня, ночь, река, звезда, весна, гавань, память, осень, луна, тень, комната, "
            "улица, гроза, мечта, сказка, зима, роща, станция, вода, степь, гитара, встреча, любовь"
        ),
        _split_commas(
            "без тебя, у моря, в апреле, на рассвете, для Анны, после дождя, в Казани, навсегда, "
            "на двоих, под снегом, о тебе, вдали, у окна, в тумане, над Волгой, и ветер, до утра, "
            "в городе, из детства, на память, между нами, в пути, снова, и дом"
        ),
    ),
    " ",
    _parse_track_names(
        "Ударные, Перкуссия, Бас, Фортепиано/Рояль, Гитара, Струнные, Арфа, Мелодия/Голос, Подголосок, "
        "Второй голос, Духовые, Соло-гитара, Колокольчики"
    ),
    _split_commas("я, те-, бя, люб-, лю, ночь, и, день, звез-, да, мо-, я, где, ты, снег, и-, дёт"),
    ("Вступление", "Куплет", "Переход", "Припев", "Бридж", "Соло", "Конец"),
)

LANGUAGES = (ENGLISH, FRENCH, GERMAN, SPANISH, JAPANESE, RUSSIAN)

GIVEN_NAMES = _split_commas(
    "Anna, José, Marie, Jürgen, Elena, Björn, Grace, Miguel, Zoé, Tom, Ines, Søren, Clara, Hugo, Freya, "
    "Omar, Lucía, Paul, Ida, Renée, Max, Noor, Émile, Ruth, Leo, Åsa, Dan, Vera, Luis, Maja, Colin, "
    "Irène, Sam, Olga, André, Kim, Nora, Rui, Ella, Jan, 美咲, Иван, 陽子, Ольга, Γιώργος, 민준, "
    "Łukasz, Şebnem"
)
FAMILY_NAMES = _split_commas(
    "Berger, Álvarez, Lindqvist, Moreau, O’Neill, Schäfer, Novák, Carter, Fontaine, Grønbech, Silva, "
    "Walker, Müller, Ibáñez, Costa, Dubois, Hart, Kowalska, Rossi, Nielsen, Torres, Weiß, Bell, Çelik, "
    "Lopes, Fischer, Öberg, Marsh, Peña, Adler, Gauthier, Bright, Szabó, Romero, Vogel, Lacroix, Stone, "
    "Ferrari, Hagen, Quinn, 田中, Смирнова, 中村, Петров, Παππάς, 김, Wiśniewski, Yıldız"
)
VERSION_LABELS = _split_commas(
    "Live, Karaoke, Unplugged, 2nd version, Remix, Short, Instrumental, Demo, Club Mix, Rehearsal, Extended, "
    "Reprise"
)
