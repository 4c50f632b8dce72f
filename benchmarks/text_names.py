"""Names of songs and tracks in 12 languages, made for measuring how well encodings are distinguished."""

from typing import NamedTuple


class NameGroup(NamedTuple):
    """Names in a language, and the encodings in which files of that language have them.

    ``later_names`` were made when the lists of words and the shares were done, and changed neither.
    """

    language: str
    encodings: tuple[str, ...]
    names: tuple[str, ...]
    later_names: tuple[str, ...]


def _group(language: str, encodings: str, names: str, later_names: str) -> NameGroup:
    return NameGroup(language, tuple(encodings.split()), _divide(names), _divide(later_names))


def _divide(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for line in names.splitlines() for name in line.split("|") if name.strip())


NAMES = (
    _group(
        "German",
        "cp1252 cp437 mac_roman",
        """
        Flügel | Flügel rechts | Bässe | Große Trommel | Männerchor | 2. Flöte | Hörner in F
        Querflöte solo | Röhrenglocken | Schlagzeug für Anfänger | Akustikbaß | Chöre | Geräusche
        Bläsersatz | GROSSE FLÖTE | Grüße aus München | Müllers Lust | Süßer die Glocken nie klingen
        Böhmischer Traum | Fröhliche Weihnacht | Für Elise | Über den Wolken
        Es ist ein Ros' entsprungen (Präludium) | Kärntner Liedermarsch
        """,
        """
        Engelstöne | Wirbeltrommel (gedämpft) | Tänzchen in B-Dur | Öffentliche Probe | Saitenklänge
        Süd-Nord-Express | Hänschen klein | Kühle Brise
        """,
    ),
    _group(
        "French",
        "cp1252 cp437 mac_roman",
        """
        Flûte à bec | Mélodie | Chœur | Voix (mélodie) | Hautbois d'été | 2ème voix | Guitare électrique
        Clarinette en la bémol | Cuivres étouffés | Batterie légère | Accordéon musette | DÉBUT | Noël blanc
        La bohème | Les feuilles mortes à Québec | Prélude en ré mineur | Ça ira mieux | L'été indien
        À la claire fontaine | Où es-tu passé ? | Étude n° 3
        """,
        """
        Trompette bouchée | Générique de fin | Le temps des cerises (arrangé) | Bébé danse | Île déserte
        Pédale d'orgue | Fanfare à Nîmes | Soirée d'hiver
        """,
    ),
    _group(
        "Spanish",
        "cp1252 cp437 mac_roman",
        """
        Violín 1 | Guitarra acústica | Percusión | Batería | Melodía principal | Órgano | Trombón | Acordeón
        Cumbia del niño | El cóndor pasa | Cielito lindo (versión rápida) | Corazón partido | Año nuevo
        ¿Quién será? | Canción mixteca | Mañanitas | La última noche | PEQUEÑA SERENATA | Música ligera
        """,
        """
        Güira y cajón | Mi lindo año | Charango eléctrico | Pasodoble torero n.º 2 | Rumba añeja | Alegría
        Clarín | Órgano de cañería
        """,
    ),
    _group(
        "Polish",
        "cp1250",
        """
        Gitara basowa ścieżka | Trąbka | Fortepian główny | Wstęp | Chór męski | Dźwięki | Smyczki i dęte
        Pieśń o małym rycerzu | Cicha noc, święta noc | Łódź | Zażółć gęślą jaźń | Miłość
        Góralu, czy ci nie żal | Dziś późno pójdę spać | Bębenek | Życzenie | Sto lat, młoda para
        Przeżyj to sam | Białe róże
        """,
        """
        Mazurek dąbrowski | Pod śniegiem | Wróbelek | Łabędź | Przyjdź do mnie | Kołysanka dla Zuzi
        Lekkość bytu | Wiązanka melodii
        """,
    ),
    _group(
        "Turkish",
        "cp1254",
        """
        Bağlama | Vurmalılar | Yaylılar | Üsküdar'a gider iken | Şarkı sözü | Kanun ve ney eşliği
        Bas gitarı | Kâtibim türküsü | Aşkın gözü kördür | İstanbul hatırası | Gülpembe (hızlı) | Ağır roman
        Çiftetelli | Gözlerinin içine başka hayal girmesin | Ayrılık çeşmesi | Sarı gelin
        Yıldızların altında | Dönülmez akşam
        """,
        """
        Kuş sesi | Çırpınırdı Karadeniz | Yürüyen bas | Değirmen | Rumeli köprüsü | Şelale | Ney üfleyişi
        Ilık rüzgâr
        """,
    ),
    _group(
        "Vietnamese",
        "cp1258",
        """
        Trống | Đàn tranh | Sáo trúc | Giai điệu | Giọng nữ | Bè trầm | Tiếng hát | Diễm xưa
        Mùa thu cho em | Hà Nội mùa vắng những cơn mưa | Nối vòng tay lớn | Quê hương | Bèo dạt mây trôi
        Cây đàn sinh viên | Ngày xưa hoàng thị | Em ơi Hà Nội phố | Đệm đàn | Mưa trên phố Huế | Lời ru
        """,
        """
        Chiếc lá cuối cùng | Nhịp điệu | Bản tình ca | Guitar phím lõm | Chuyện cũ | Hoa sữa
        Dòng sông lơ đãng | Phối khí
        """,
    ),
    _group(
        "Russian",
        "cp1251 koi8_r cp866",
        """
        Гитара | Бас | Ударные | Скрипка 2 | Баян | Хор мальчиков | ГИТАРА | СОЛО | Вступление
        Мелодия (голос) | Подмосковные вечера | Очи чёрные | Катюша | Миллион алых роз | Весенний вальс
        Хор | БАРАБАНЫ | Я люблю тебя, жизнь | Полёт шмеля | Во поле берёза стояла | Флейта-пикколо
        Труба in B | Рояль | Надежда - мой компас земной | Щелкунчик
        """,
        """
        Клавесин | Журавли | Перкуссия | Ой, мороз, мороз | Тёмная ночь | ТРУБЫ | Подклад | Смуглянка
        """,
    ),
    _group(
        "Greek",
        "cp1253",
        """
        Μπουζούκι | Κιθάρα | Βιολί | Κρουστά | Φωνή | Πλήκτρα | ΚΛΑΡΙΝΟ | Μπάσο 2 | Συννεφιασμένη Κυριακή
        Τα παιδιά του Πειραιά | Χορός του Ζορμπά | Καλημέρα ήλιε | Μισιρλού | Άσπρα καράβια | Νύχτα μαγικιά
        Εισαγωγή | Το γελαστό παιδί | ΣΑΝΤΟΥΡΙ
        """,
        """
        Ούτι | Σαξόφωνο | Δημοτικό | Της ξενιτιάς | Μαντολίνο Α | Ξημερώματα | Βαλς των χαμένων ονείρων
        Ήχος
        """,
    ),
    _group(
        "Chinese",
        "gbk",
        """
        钢琴 | 主旋律 | 吉他 | 贝斯 | 鼓 | 弦乐 | 二胡独奏 | 古筝 1 | 电吉他(失真) | 小提琴 | 伴奏 | 和弦
        女声合唱 | 背景 | 打击乐器 | 月亮代表我的心 | 茉莉花 | 梁祝 | 春江花月夜 | 我和我的祖国 | 童话
        朋友 | 千年等一回 | 送别 | 让我们荡起双桨 | 后来 | 上海滩
        """,
        """
        葫芦丝 | 电子鼓 | 背景音乐 | 月光下的凤尾竹 | 滑音 | 童声合唱 | 军港之夜 | 弹拨
        """,
    ),
    _group(
        "Chinese (traditional)",
        "big5",
        """
        鋼琴 | 主旋律 | 吉他 | 貝斯 | 爵士鼓 | 弦樂 | 二胡 | 古箏 | 合唱團 | 旋律 | 低音吉他 | 前奏 | 雨夜花
        望春風 | 月亮代表我的心 | 夜來香 | 綠島小夜曲 | 不了情 | 外婆的澎湖灣 | 童年 | 思慕的人
        """,
        """
        電子琴 | 鼓聲 | 綠袖子 | 背景音樂 | 口哨聲 | 撥弦 | 往事只能回味 | 阿里山的姑娘
        """,
    ),
    _group(
        "Japanese",
        "cp932",
        """
        ピアノ | ドラム | ベース | ギター1 | ストリングス | メロディー | 主旋律 | ガイドメロディ | 歌
        副旋律 | ハモり | アコースティックギター | 弦 | ﾋﾟｱﾉ | ﾄﾞﾗﾑ | ﾍﾞｰｽ | ｷﾞﾀｰ ｿﾛ | ﾊｲﾊｯﾄ | ＰＩＡＮＯ
        荒城の月 | さくらさくら | ふるさと | 千本桜 | 津軽海峡・冬景色 | 川の流れのように | 「夏の日」
        上を向いて歩こう | 残酷な天使のテーゼ | 涙そうそう | Ｅ．ベース | 右手
        """,
        """
        ラッパ | 夜桜お七 | ｼﾝﾊﾞﾙ | クラヴィネット | 鐘の音 | 夕焼け小焼け | バスクラ | ﾃｨﾝﾊﾟﾆ
        """,
    ),
    _group(
        "Korean",
        "cp949",
        """
        피아노 | 기타 | 베이스 | 드럼 | 현악기 | 멜로디 | 가야금 | 보컬 | 코러스 2 | 반주 | 전주 | 아리랑
        사랑했지만 | 고향의 봄 | 섬집 아기 | 애국가 | 그대 내게 다시 | 바람이 분다 | 만남 | 벚꽃 엔딩
        비와 당신 | 학교 종
        """,
        """
        일렉트릭 피아노 | 봉선화 | 박자 | 통통배 | 리코더 | 저음부 | 슬픈 언약식 | 타악기
        """,
    ),
)
"""The names, each group in the encodings of its files."""
