"""Words that name parts and songs, in languages whose letters are written with one byte each.

The likelihood of a reading is computed from the letters of these words and from what stands next to what.
More words make a language easier to recognize; a word that another language has too does no harm.
"""

WORDS_OF_LETTERS = {
    "German": """
        flügel klavier geige bässe bass baß schlagzeug flöte flöten querflöte blockflöte hörner waldhorn
        posaune trompete streicher chöre chor männerchor frauenstimme gesang sänger stimme hauptstimme
        oberstimme begleitung harfe akkordeon gitarre stromgitarre trommel trommeln pauken große kleine
        glocken glöckchen röhrenglocken saxophon fagott kontrabaß bratsche violine cembalo orgel geräusche
        schläge für über grüße straße schön schöne schöner schönen mädchen könig königin träume traum
        träumerei frühling frühlingslied süße süß fröhliche fröhlich weihnacht weihnachten stille nacht
        größe müde müller jäger jägerlied märchen glück glücklich später wäre hätte möchte können müssen
        würde würden zurück wünsche wünsch tür türen früh früher grün grüne blüten blüht blühen nähe nächte
        nächster höhe hören gehört gefühl gefühle fühlen fühle küsse kuß spaß heißt heiß weiß weiße dreißig
        fünf zwölf rücken brücke stück stücke lück lüge lügen übung übungen äpfel ähnlich öffnen österreich
        öl ärger ägypten schläft schläfst läuft verändert länger ländler sänfte zärtlich tänze tänzer walzer
        märz jänner abschied zigeuner blätter wälder wasser gewässer häuser träne tränen sehnsüchte
        dämmerung schlüssel gefährten rätsel
        """,
    "French": """
        piano à queue flûte flûtes flûte traversière mélodie mélodies mélodique rythme voix chœur chœurs
        cœur cœurs guitare acoustique électrique saturée batterie basse contrebasse hautbois cor français
        trompette fanfare accordéon clavecin clavier orgue église cordes frappées violon violoncelle
        première deuxième troisième quatrième cinquième tambour été hiver forêt fête fêtes noël théâtre
        opéra célèbre lumière lumières rivière mer chère chéri chérie père mère frère frères même rêve rêves
        rêverie année années âme âmes île îles hôtel hôpital château gâteau bâton tête être peut-être après
        près très dès voilà là où déjà étoile étoiles éternel éternité école écoute écho éclair étrange
        étranger élégie étude études prélude prélude numéro premières général générale réverbération effets
        réel désir désert départ dernière dernier prière manière lumière matinée soirée journée année idée
        musée légende légère léger ça français garçon leçon façon soupçon reçu aperçu commença avançait naïf
        noël haïti maïs égoïste août goût sûr mûr brûle brûler flûtiste dîner connaître paraître maître
        maîtresse fenêtre peinture arrêt arrêter forêts bête crêpe vêtements œuvre œuvres sœur sœurs œil
        bœuf nœud vœux espérance espère répète répéter préféré préférée sélection séquence détaché métal
        métallique cinéma café bébé beauté liberté vérité santé volonté société réalité qualité créée crée
        célébrer créole allée
        """,
    "Spanish": """
        piano eléctrico eléctrica guitarra acústica acústico batería bajo percusión acordeón violín violines
        violonchelo trombón saxofón órgano clarinete flauta corazón canción canciones melodía melodías
        armonía armónica niño niña niños niñas año años señor señora señorita mañana español española españa
        sueño sueños pequeño pequeña compañero montaña cariño otoño baño dueño extraño daño engaño enseñar
        acompañar acompañamiento también más después aquí allí así está están estás será serás sólo solo
        último última número único música músico romántico romántica clásico clásica mágico mágica trágico
        lírico lágrima lágrimas pájaro pájaros ángel ángeles árbol árboles día días tía tío río ríos María
        García José Andrés Tomás Martín Sebastián país raíz maíz tú él mí sí té qué cuándo cómo dónde quién
        por qué adiós dios perdón pasión ilusión emoción tradición introducción versión edición estación
        corazones razón ratón león limón jardín jazmín fácil difícil útil azúcar césped lápiz rápido rápida
        rápidos lento cántico villancico navideño bolero güiro bongó pingüino vergüenza cumbia merengue
        timbales maracas trompeta coro voces segunda estribillo estrofa tambor tamboril zampoña charango
        quena salón según algún ningún jamás quizás papá mamá mío mía cielo volverás amarás llorarás
        bailarás cantaré olvidaré
        """,
    "Portuguese": """
        violão violões coração corações canção canções paixão não então são mão mãos irmão irmã pão chão
        verão estação emoção ilusão solidão multidão tradição introdução versão percussão acordeão baixo
        bateria guitarra elétrica acústico acústica órgão melodia harmonia você três até já só nós avó avô
        português água águas mágica música músicas ritmo último rápido pássaro árvore céu véu chapéu lá cá
        dá está três mês inglês francês ninguém também além alguém porém parabéns além manhã amanhã maçã fã
        lã põe limões açúcar moça moço lição força dança danças começo cabeça graça praça esperança criança
        lembrança saudade saudades história histórias glória memória família tímido último fácil difícil
        possível
        """,
    "Italian": """
        perché città libertà verità età felicità qualità metà là già più giù così lunedì martedì lì sì né è
        caffè però può ciò farò sarà amerò canterò volerò tornerò ritornerà verrà virtù gioventù tribù
        pianoforte chitarra batteria basso voce coro archi fiati tromba flauto arpa sarò avrò dirò andrò
        papà tè tivù blu onestà bontà realtà società difficoltà novità nostalgìa serà volontà è c’è cos’è
        """,
    "Nordic": """
        flöjt flöjter fiol kör kören körsång sång sången sånger trummor elgitarr stråkar stråk blås blåsare
        dragspel gånglåt låt låten låtar vår våren sommar på över för från går får där här när är själ
        hjärta hjärtat kärlek kärleken ängel ängeln änglar måne månen måndag lördag söndag första förspel
        mellanspel åka år året båda både hålla gå då så små blå grå två åtta ö öar östra öppna mörk mörker
        dröm drömmar drömmen trädgård jättebra sköna gör göra större räkna väg vägen världen väntar länge
        blåser kor strygere fløjte fløjter trommer klaver bækken bølge hjørne kærlighed kærligheden
        sørgmodig født glæde glædelig jul jøde sød søde første øl ø øer øre øjne aften mørke lørdag søndag
        år året måske ånd håb årstid på blå grå sætning læse træ være nær tør børn hjørn gør større rød grøn
        skøn skønne sjæl fløyte trommesett bjørn snø drøm drømmer kjærlighet kjære hjem vårsøg sangen så små
        måne går får mäki yö öinen pöytä hyvää päivää äiti isä tyttö sydän sydämen ystävä kevät kesä syksy
        talvi lähtö tähti tähdet yöllä elämä elämän minä sinä tämä hän kaipaa rakkautta näen mennä soittää
        hämärä järvi järvet
        """,
    "Polish": """
        gitara basowa skrzypce wiolonczela fortepian flet trąbka perkusja bębny bęben chór chóry głos głosy
        śpiew śpiewa pieśń pieśni kolęda kolędy miłość miłości młodość tęsknota łza łzy łąka łódź główny
        główna męski żeński żołnierz żeby życie życia żyć żal róża róże czerwone różowy wiśnie słońce słońca
        niebo gwiazdy księżyc noc dzień dobry źródło źle zły zła złoty złota góry górale góralska góralski
        ludowy taniec tańce tańczyć kuźnia koń konie polonez święta święty cisza wesołych świąt boże
        narodzenie gdzie jesteś będę będzie byłem byłaś ciebie cię się mnie mną tobą są idą idę lubię kocham
        kochać serce wspomnień wspomnienia marzeń marzenia piękna piękny piękne dziękuję proszę ręka ręce
        pięć dziesięć dziewięć cześć część wstęp zwrotka przejście zakończenie smyczki dęte blaszane
        akordeon dźwięk dźwięki ślub wróć wrócę też już który która mój twój swój nasz próba wódka ołów
        białe biały białą czarną małą mała
        """,
    "Czech": """
        kytara basová housle klavír flétna trubka bicí buben sbor zpěv hlas píseň písně písnička láska lásky
        srdce noc den růže měsíc hvězda hvězdy slunce nebe moře řeka řeky život žena ženy ž děti dítě štěstí
        vánoce vánoční tichá svatá přání příběh přítel přátelé český česká čeština děkuji těžký těžké
        šťastný žlutý žluťoučký kůň úpěl ďábelské ódy průvod dům můj tvůj svůj růžový únor červen září říjen
        černý bílý smyčce žestě dechy předehra mezihra dohra první druhý třetí čtvrtý pátý světlo světa svět
        věž věčný ľudová pesničky spev hudobný hlavný mačka dievča slovenský slovenská krásna krásny noc
        žiaľ nechoď kráľ deň šťastie môj môže kôň vôňa tŕň stĺp dĺžka žriebä mäso päť najlepší ešte veľký
        veľká
        """,
    "Hungarian": """
        zongora hegedű gitár basszusgitár dob dobok ének fuvola kürt trombita vonósok kórus népdal népdalok
        magyar tánc táncok csárdás szív szívem szerelem szeretlek élet világ csillag csillagok hold éjszaka
        éjjel hajnal este reggel tél tavasz nyár ősz őszi erdő mező felhő eső esős idő időm szép szőke nőm
        nő nők férfi gyönyörű keserű egyszerű tűz tűzből fű fül víz út úton búcsú búcsúzás álom álmok
        álmodom öröm örök örökké köszönöm föld zöld kék piros fehér fekete első második harmadik főtéma
        kíséret szóló boldog karácsony mennyből dallam dal dalok régi új újra így úgy lány lányok fiú fiúk
        anyám apám híd
        """,
    "Turkish": """
        gitar bas piyano davul darbuka keman kemençe bağlama saz ud kanun ney kaval zurna klarnet vurmalı
        vurmalılar yaylılar yaylı nefesli koro ses solist şarkı şarkısı şarkılar türkü türküler türküsü aşk
        aşkım aşkın sevgi sevgili sevgilim gönül gönlüm gönlümün kalp kalbim gece geceler gündüz güneş
        yıldız yıldızlar yağmur yağmurlar rüzgâr deniz denizler dağ dağlar dağları çiçek çiçekler gül güller
        gülüm bülbül bahar yaz kış güz sonbahar ayrılık hasret özlem özledim ağlama ağlıyorum gözler
        gözlerim gözlerin gözyaşı yaşamak yalnız yalnızım yalnızlık dünya dünyam hayat ömrüm ömür ölüm
        seviyorum istanbul izmir üsküdar çanakkale oyun havası halk müziği müzik sanat altın ışık ışıklar
        kız kızlar kadın çocuk çocuklar baba değil değilim değişik olmaz nasıl niçin şimdi şiir şehir şehrin
        düğün akşam sabah bağ bağlar çalgı giriş nakarat bölüm birinci ikinci üçüncü dördüncü İstanbul İzmir
        kırmızı sarı mavi yeşil siyah beyaz
        """,
    "Vietnamese": """
        đàn tranh bầu nguyệt nhị sáo trúc trống phách mõ kèn bộ gõ dàn dây ghi-ta bass điện phím dương cầm
        vĩ cầm giai điệu chính phụ hòa âm hợp xướng giọng nam nữ lời bài hát ca khúc tình yêu em anh mẹ cha
        quê hương đất nước việt hà nội sài gòn huế mùa xuân hạ thu đông trăng nắng mưa gió biển sông núi
        rừng hoa lá đêm ngày chiều sáng sớm hôm nay mai nhớ thương buồn vui đời người con gái trai một hai
        ba bốn năm sáu bảy tám chín mười tuổi thời gian kỷ niệm nơi đâu về đi đến đường xa không còn mãi
        giữa trời xanh trắng đỏ vàng tím đen cô đơn ước mơ hạnh phúc dân nhạc trẻ cổ truyền tiếng ru lý ngựa
        ô bèo dạt mây trôi diễm xưa cát bụi nối vòng tay lớn như có bác trong ngày đại thắng tiến quân mở
        đầu kết thúc đoạn điệp lúa chim thuyền bến sóng nhẹ nhàng lặng lẽ nụ cười giọt lệ cuối cùng đầu tiên
        tạm biệt những phố
        """,
    "Russian": """
        гитара гитары бас бас-гитара пианино фортепиано рояль скрипка скрипки виолончель контрабас флейта
        кларнет труба тромбон саксофон баян аккордеон балалайка ударные барабан барабаны тарелки орган
        струнные хор вокал голос голоса соло ритм мелодия аккомпанемент песня песни песенка музыка слова
        любовь любви моя твоя мой твой наша наш ночь ночи день дни вечер вечера утро зима лето весна осень
        снег дождь ветер море река поле лес берёза роза розы цветы звезда звёзды солнце луна небо земля
        дорога дороги дом город москва подмосковные родина россия русская русский россии народная старый
        новый новая белый белая чёрный чёрные красная синий очи калинка катюша жизнь душа сердце глаза слёзы
        мечта счастье друг друзья мама девушка девочка мальчик человек время час первый первая второй третий
        вступление куплет припев проигрыш конец начало где ты я мы вы он она не на за под над для без что
        как когда если только ещё уже всё все прощай здравствуй спасибо привет хорошо быть было будет люблю
        помню жду нет да тихо тихая большой маленький ёлочка дед мороз колокольчик вальс романс марш полька
        танец дуэт трио клавиши синтезатор эффекты тарелка бубен альт гобой фагот валторна арфа колокола
        гармонь дорожка канал
        """,
    "Ukrainian": """
        пісня пісні українська україна україни мій твій ніч ніченька місяць зірка зіроньки дівчина козак
        козаки їхав їде її їх є моє твоє серденько любов кохання очі гітара скрипка сопілка бандура цимбали
        вечір вечір ріка річка дощ сніг зіма літо осінь ґанок світ світло щедрик червона рута чорнобривці
        вишня вітер хвилі
        """,
    "Bulgarian": """
        китара барабани цигулка кавал гайда гъдулка тъпан хоро ръченица песен песента любов сърце сърцето
        ангел въздух път мъж мъка тъга мъгла първи втори българия български народна обичам те ти къща слънце
        път дъжд
        """,
    "Greek": """
        κιθάρα κιθάρες μπάσο πιάνο ντραμς τύμπανα κρουστά βιολί βιολιά λύρα λαούτο μπουζούκι μπουζούκια
        μπαγλαμάς κλαρίνο φλάουτο τρομπέτα ακορντεόν χορωδία φωνή φωνές έγχορδα πνευστά πλήκτρα μελωδία
        τραγούδι τραγούδια τραγουδώ αγάπη αγάπης αγαπώ καρδιά καρδιάς καρδιές ψυχή ζωή ζωής νύχτα νύχτες
        μέρα ήλιος ήλιε φεγγάρι αστέρι αστέρια ουρανός θάλασσα θάλασσες βροχή άνεμος άνοιξη καλοκαίρι
        φθινόπωρο χειμώνας λουλούδι τριαντάφυλλο μάτια μάτι δάκρυα όνειρο όνειρα χαρά λύπη πόνος φίλος φίλοι
        μάνα πατέρας παιδί παιδιά κορίτσι αγόρι σπίτι δρόμος δρόμοι πόλη αθήνα θεσσαλονίκη ελλάδα ελληνικό
        νησί νησιώτικο χασάπικο ζεϊμπέκικο συρτός καλαματιανός τσάμικος ρεμπέτικο λαϊκό λαϊκά παραδοσιακό
        εισαγωγή κουπλέ ρεφραίν τέλος αρχή πρώτο πρώτη δεύτερο δεύτερη τρίτο χρόνια χρόνος καιρός κόσμος
        κόσμε φως σκοτάδι μόνος μόνο σου μου του της το τα οι η ο στην στο στη με και για δεν θα να είναι
        είσαι έλα πες πού πώς γιατί όταν ένα μια δύο συννεφιασμένη κυριακή παιδιά του πειραιά γλυκιά γλυκό
        καλημέρα καληνύχτα
        """,
}
"""Words by language. Case does not matter."""
